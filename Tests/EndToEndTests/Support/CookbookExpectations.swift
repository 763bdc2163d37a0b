import D2Common

/// The preparation and the expected result of a recipe in docs/cookbook.md. The scripts use the words of
/// `CookbookScene`.
struct CookbookExpectation: Sendable {
  /// The anchor of the recipe.
  let anchor: String
  /// A recipe whose first block runs before, because this recipe uses its file.
  var firstBlockOf: String?
  /// Prepares the scene for the recipe.
  var before = ""
  /// Runs in the recipe's shell meanwhile.
  var beside = ""
  /// The exit statuses of its blocks.
  var statuses = ["0"]
  /// Checks the result.
  var after: String
  /// The output of `after`.
  var holds = ["arrived"]
  /// Whether it is the recipe that all others begin with.
  var isFirst = false

  static let all = moving + ids + looking + proving + running + ways + files + mending
  /// Recipes for which the destination's version matters: how it reads ids, values without a data set, and deletions.
  static let byVersion = ids + files + mending

  private static let moving: [CookbookExpectation] = [
    .init(
      anchor: "two-servers-and-a-pair",
      after: """
        d2-pairs list --format json | jq -r .pair; d2-orgunits list --pair hmis --active --format json | jq -r .name | sort | paste -sd' '
        d2-datasets list --pair hmis --active --format json | wc -l
        """, holds: ["hmis", "Bo Kenema", "6"], isFirst: true),
    .init(
      anchor: "one-district-sent-its-reports-late",
      after: "arrived 'select(month and bo and january)'"),
    .init(
      anchor: "only-what-changed-since-monday",
      before: "at $SRC 'select(month)' | sed -n 1p | values | jq -c '.value = \"987654\"' | store $SRC",
      after: "arrived 'select(.value == \"987654\")'"),
    .init(
      anchor: "follow-one-quarter-until-it-closes",
      before: "at $SRC 'select(month and months)' | sed -n 1p | values | jq -c '.value = \"987654\"' | store $SRC",
      statuses: ["0", "1"],
      after: """
        head -n 1 batches.ndjson | jq -c '[.values, .imported + .updated]'; arrived 'select(quarter)'
        """, holds: ["[1,1]", "arrived"]),
    .init(
      anchor: "the-last-three-months-whatever-the-day",
      before: """
        curl -sSf -o /dev/null $SRC/control/clock -d "{\\"advanceSeconds\\":$(($(date -d 2024-04-15 +%s) - $(date +%s)))}"
        """,
      after: "arrived 'select(quarter)'"),
    .init(
      anchor: "all-facilities-of-a-group-or-of-a-level",
      after: "arrived 'select(month and january and urban and bo)'"),
    .init(
      anchor: "deletions-should-travel-too",
      before: """
        fill 'select(month)'; at $SRC 'select(month)' | sed -n 1p | values | jq -c '.deleted = true' | store $SRC
        """,
      after: "arrived 'select(month)'"),
    .init(
      anchor: "leave-out-confidential-data-elements",
      after: """
        at $SRC 'select(.dataElement | IN(env.fbfJHSPpUQD, env.cYeuwXTCPkU))' | grep . > /dev/null && echo 'there are some'
        arrived 'select(month and months and (.dataElement | IN(env.fbfJHSPpUQD, env.cYeuwXTCPkU) | not))'
        """, holds: ["there are some", "arrived"]),
    .init(
      anchor: "leave-out-names-and-comments",
      after: """
        arrived 'select(month and months)'; for server in $SRC $DST; do curl -sS $server/control/values | grep '"comment":"' > /dev/null; echo $?; done
        grep -c storedBy anonymous.ndjson
        """, holds: ["arrived", "0", "1", "0"]),
    .init(
      anchor: "only-the-values-of-one-partner",
      after: "arrived 'select(partner and .attributeOptionCombo == env.Q4f7z7Qyr2a)'"),
    .init(
      anchor: "sums-of-districts-instead-of-facilities",
      before: "analyse $SRC",
      after: """
        for element in fbfJHSPpUQD cYeuwXTCPkU; do sums $SRC $element > should; sums $DST $element > does; cmp should does && test -s does && echo same; done
        at $DST | jq -r '.[2]' | sort -u | wc -l
        """, holds: ["same", "same", "2"]),
    .init(
      anchor: "an-indicator-each-night",
      before: """
        month=$(date -ud "$(date -u +%Y-%m-01) -1 day" +%Y%m)
        at $SRC 'select(.dataElement == env.fbfJHSPpUQD)' | jq -c --arg month $month '.[1] = $month' | values | store $SRC
        analyse $SRC
        """,
      after: """
        month=$(date -ud "$(date -u +%Y-%m-01) -1 day" +%Y%m)
        at $DST | jq -c --arg month $month '[.[0] == env.s46m5MS0hxu, .[1] == $month, (.[5] | tonumber) > 0 and (.[5] | tonumber) < 100]'
        """, holds: ["[true,true,true]"]),
    .init(
      anchor: "what-dhis2s-own-data-exchange-would-send",
      before: """
        analyse $SRC
        change $SRC '{"aggregateDataExchanges": [{"id": "Exchange001", "name": "Districts to the repository", "target": {"type": "INTERNAL"},
          "source": {"requests": [{"name": "Visits", "dx": ["'$fbfJHSPpUQD'"], "pe": ["202401", "202402", "202403"], "ou": ["LEVEL-3"], "filters": []}]}}]}'
        """,
      after: """
        total() { jq -s -c 'group_by(.[1])[] | [.[0][1], (map(.[5] | tonumber) | add)]'; }
        at $SRC 'select(.dataElement == env.fbfJHSPpUQD and months)' | total > should
        at $DST | total > does; cmp should does && test -s does && echo same
        """, holds: ["same"]),
    .init(
      anchor: "complete-registrations-too",
      before: completeThree,
      after: sameRegistrations, holds: ["3"]),
    .init(
      anchor: "values-and-completeness-together",
      before: completeThree, statuses: ["0", "0"],
      after: sameRegistrations + "; arrived 'select(month and months)'", holds: ["3", "arrived"]),
  ]

  /// Marks three reports of February as complete at the source.
  private static let completeThree = """
    at $SRC 'select(month and .period == "202402")' | jq -r '.[2]' | sort -u | sed -n 1,3p |
      jq -R '{dataSet: env.BfMAe6Itzgt, period: "202402", organisationUnit: ., completed: true}' | jq -s '{completeDataSetRegistrations: .}' |
      ask -o /dev/null -H 'Content-Type: application/json' --data-binary @- $SRC/api/completeDataSetRegistrations
    """

  /// Checks that both ends have the same registrations, and prints how many.
  private static let sameRegistrations = """
    for side in source destination; do
      d2-pull --pair hmis --side $side -y 2024 -q 1 --registrations --quiet | jq -c '[.dataSet, .period, .organisationUnit, .completed]' | sort > $side
    done
    cmp source destination; wc -l < source
    """

  private static let ids: [CookbookExpectation] = [
    .init(
      anchor: "move-by-codes-because-the-ids-differ", statuses: ["1"],
      after: """
        arrived 'select(month and months and (codeless | not))'
        at $SRC 'select(month and months and codeless)' | wc -l
        """, holds: ["arrived", "3"]),
    .init(
      anchor: "ids-and-codes-differ-a-table",
      before: """
        change $DST "$(ask "$DST/api/dataSets/$BfMAe6Itzgt?fields=id,dataSetElements" | jq -c '
          {dataElements: [{id: env.fbfJHSPpUQD, removed: true},
            {id: "Xk2Vfee0Ffq", name: "ANC first visit", code: "ANC1", valueType: "INTEGER_ZERO_OR_POSITIVE", categoryCombo: {id: "g8X9oMIHK00"}}],
           dataSets: [{id, dataSetElements: [.dataSetElements[].dataElement.id
             | {dataElement: {id: (if . == env.fbfJHSPpUQD then "Xk2Vfee0Ffq" else . end)}}]}]}')"
        """,
      after: """
        map='select(month and months) | .dataElement |= if . == env.fbfJHSPpUQD then "Xk2Vfee0Ffq" else . end'
        kept='select(.dataElement != "Xk2Vfee0Ffq" or .value != "0")'
        arrived "$map | $kept" "$kept"
        """),
    .init(
      anchor: "two-servers-with-different-default-combos",
      before: """
        change $SRC '{"categoryCombos": [{"id": "bjDvmb4bfuf", "categoryOptionCombos": [{"id": "oLdDefault1", "name": "default"}]}]}'
        at $SRC > all; curl -sSf -o /dev/null -X DELETE $SRC/control/values
        values < all | jq -c '(.categoryOptionCombo, .attributeOptionCombo) |= if . == "HllvX50cXC0" then "oLdDefault1" else . end' | store $SRC
        """,
      after: """
        arrived 'select(month and bo and january) | (.categoryOptionCombo, .attributeOptionCombo) |= if . == "oLdDefault1" then "HllvX50cXC0" else . end'
        """),
    .init(
      anchor: "the-destination-does-not-divide-by-sex",
      before: """
        change $DST "$(ask "$DST/api/dataElements?filter=name:like:Visits&fields=id&paging=false" | jq -c '
          {dataElements: [.dataElements[] + {categoryCombo: {id: "bjDvmb4bfuf"}}]}')"
        """,
      after: """
        sex=$(ask "$SRC/api/categoryCombos?filter=name:eq:Sex&fields=categoryOptionCombos" | jq -c '[.categoryCombos[0].categoryOptionCombos[].id]')
        at $SRC 'select(month and january)' | jq -s -c --argjson sex "$sex" '
          map(if .[3] | IN($sex[]) then .[3] = "HllvX50cXC0" else . end) | group_by(.[:5])[]
          | if length > 1 then .[0][:5] + [map(.[5] | tonumber) | add | tostring] else .[0] end | select(.[5] != "0")' | LC_ALL=C sort > should
        at $DST 'select(.value != "0")' > does; [ -s should ] && cmp should does && echo arrived
        """),
    .init(
      anchor: "move-one-data-set-into-another",
      before: """
        change $DST "$(ask "$DST/api/dataSets/$BfMAe6Itzgt?fields=organisationUnits" | jq -c '["Nw5rgnVisi1", "Nw5rgnVisi2"] as $new
          | {dataElements: [{id: $new[], valueType: "INTEGER", categoryCombo: {id: "g8X9oMIHK00"}}],
             dataSets: [{id: "Nw5rgnV0lGk", name: "New form", periodType: "Monthly", organisationUnits, dataSetElements: [{dataElement: {id: $new[]}}]}]}')"
        """,
      after: """
        arrived 'select(months) | .dataElement |= {"\\(env.fbfJHSPpUQD)": "Nw5rgnVisi1", "\\(env.cYeuwXTCPkU)": "Nw5rgnVisi2"}[.] | select(.dataElement and .value != "0")' \
          'select(.value != "0")'
        """),
    .init(
      anchor: "facilities-were-merged-add-up-their-values",
      before: """
        change $DST "$(ask "$DST/api/dataSets?filter=code:eq:WEEK&fields=id,organisationUnits" | jq -c '.dataSets[0]
          | {organisationUnits: [{id: "O7clinicNew", name: "New clinic", parent: {id: env.ImspTQPwCqd}, openingDate: "2000-01-01"}],
             dataSets: [{id, organisationUnits: (.organisationUnits + [{id: "O7clinicNew"}])}]}')"
        at $SRC 'select(week and .period == "2024W7")' | sed -n 1p | values | jq -c '.value = "700" | .orgUnit = (env.DiszpKrYNg8, env.g8upMTyEZGZ)' | store $SRC
        """,
      after: """
        at $SRC 'select(week) | .orgUnit |= if IN(env.DiszpKrYNg8, env.g8upMTyEZGZ) then "O7clinicNew" else . end' |
          jq -c -s 'group_by(.[:5])[] | .[0][:5] + [map(.[5] | tonumber) | add | tostring]' | LC_ALL=C sort | cmp - <(at $DST) && echo added
        at $DST 'select(.orgUnit == "O7clinicNew" and .value == "1400")' | wc -l
        """, holds: ["added", "1"]),
  ]

  private static let looking: [CookbookExpectation] = [
    .init(anchor: "how-much-is-it", after: "at $DST | wc -l", holds: ["0"]),
    .init(
      anchor: "try-it-first-storing-nothing", statuses: ["0", "0"],
      after: """
        curl -sS $DST/control/stats | jq -c '[.recent[] | select(.method == "POST") | .target | contains("dryRun=true")]'; arrived 'select(month and january)'
        """, holds: ["[true,false]", "arrived"]),
    .init(
      anchor: "is-the-destination-ready",
      before: """
        change $DST '{"dataElements": [{"id": "'$cYeuwXTCPkU'", "removed": true}],
          "organisationUnits": [{"id": "'$DiszpKrYNg8'", "closedDate": "2024-05-31"}]}'
        """, statuses: ["1", "1", "0"],
      after:
        "jq -r .id problems.ndjson | sort | diff - <(printf '%s\\n' $cYeuwXTCPkU $DiszpKrYNg8 | sort) && echo both",
      holds: ["both"]),
    .init(
      anchor: "a-new-clinic-has-opened",
      before: """
        bo=$(d2-orgunits list --pair hmis --format json | jq -r 'select(.name == "Bo").id')
        change $SRC '{"organisationUnits": [{"id": "ManoClinic1", "name": "Mano Clinic", "parent": {"id": "'$bo'"}, "openingDate": "2023-12-01"}]}'
        ask -o /dev/null -H 'Content-Type: application/json' -d '{"additions": [{"id": "ManoClinic1"}]}' $SRC/api/dataSets/$BfMAe6Itzgt/organisationUnits
        at $SRC 'select(month and january)' | sed -n 1p | values | jq -c '.orgUnit = "ManoClinic1"' | store $SRC
        """, statuses: ["0", "0"],
      after: "at $DST 'select(.orgUnit == \"ManoClinic1\")' | wc -l", holds: ["1"]),
    .init(
      anchor: "facilities-were-renamed-moved-or-closed",
      before: """
        some=($(at $SRC 'select(bo)' | jq -r '.[2]' | sort -u))
        change $SRC '{"organisationUnits": [{"id": "'${some[0]}'", "name": "Bo Government Hospital"}, {"id": "'${some[1]}'", "closedDate": "2024-06-30"}]}'
        """, statuses: ["0", "0"],
      after: "jq -r .change done.ndjson | sort; d2-orgunits copy --pair hmis --update --dry-run --quiet | wc -l",
      holds: ["closed", "renamed", "0"]),
    .init(
      anchor: "who-has-not-reported",
      before: """
        at $SRC 'select(month and january and .orgUnit == env.DiszpKrYNg8)' | values | jq -c '.deleted = true' | store $SRC
        """, after: "cut -f 1 should.tsv | LC_ALL=C comm -23 - did.txt | diff - <(echo $DiszpKrYNg8) && echo one",
      holds: ["one"]),
    .init(
      anchor: "count-values-by-facility-and-month",
      after: "at $SRC 'select(month)' | wc -l | diff - <(awk '{n += $1} END {print n}' counts.txt) && echo counted",
      holds: ["counted"]),
  ]

  private static let proving: [CookbookExpectation] = [
    .init(
      anchor: "compare-two-servers", before: "fill 'select(bo)'",
      after: "arrived 'select(bo)'"),
    .init(
      anchor: "move-what-is-missing-or-different",
      before: "fill 'select(month and months and .period != \"202402\")'", statuses: ["1", "0"],
      after: "arrived 'select(quarter)'"),
    .init(
      anchor: "do-the-sums-agree",
      after: """
        arrived 'select(month and months)'; at $SRC 'select(month and months and .dataElement == env.fbfJHSPpUQD and january)' | jq -r '.[5]' |
          awk '{n += $1} END {print ENVIRON["fbfJHSPpUQD"], "202401", n}' | grep -c -x -F -f - before.txt
        """, holds: ["arrived", "1"]),
    .init(
      anchor: "have-the-ledger-prove-a-month",
      before: """
        d2-slices plan --pair hmis --data-set MONTH -y 2024 -q 1 --quiet > /dev/null; d2-slices run --pair hmis --quiet
        at $DST 'select(bo and january)' | sed -n 1p | values | jq -c '.value = "4711"' | store $DST
        """, statuses: ["1", "0"],
      after:
        "arrived 'select(month and months)'; d2-slices list --pair hmis --state verified --format json | jq -r .periods | sort -u",
      holds: ["arrived", "202401"]),
  ]

  private static let running: [CookbookExpectation] = [
    .init(
      anchor: "years-of-backlog-stopped-and-resumed",
      before: #"fault $SRC '{"kind": "latency", "seconds": 1, "times": 6, "path": "/api/dataValueSets"}'"#,
      statuses: ["124", "0"],
      after: """
        arrived 'select(month and .period <= "202406")'
        d2-slices plan --pair hmis --data-set MONTH --from 2024-01-01 --to 2024-06-30 --quiet | jq .added
        """, holds: ["arrived", "0"]),
    .init(
      anchor: "watch-a-running-backlog",
      before: """
        d2-slices plan --pair hmis --data-set MONTH -y 2024 -q 1 --quiet > /dev/null
        fault $SRC '{"kind": "latency", "seconds": 0.2, "times": 0, "path": "/api/dataValueSets"}'
        """, beside: "d2-slices run --pair hmis --quiet &",
      after: "arrived 'select(month and months)'; grep -c '</html>' hmis.html", holds: ["arrived", "1"]),
    .init(
      anchor: "several-computers-work-on-one-backlog",
      before: """
        export D2_STORE=$SHARED
        d2-pairs add hmis --source-url $SRC --source-pat file:$SCENE/etc/d2/hmis.pat --destination-url $DST \
          --destination-pat file:$SCENE/etc/d2/repository.pat --quiet > /dev/null
        d2-orgunits sync --pair hmis --level District --quiet > /dev/null; d2-datasets sync --pair hmis --quiet > /dev/null
        fault $SRC '{"kind": "latency", "seconds": 5, "times": 6, "path": "/api/dataValueSets"}'
        """,
      after: """
        sort hosts | paste -sd' '; D2_STORE=$SHARED d2-slices list --pair hmis --format json | jq -r .worker | sort -u | wc -l
        arrived 'select(month and .period <= "202406")'
        """, holds: ["node1 node2", "3", "arrived"]),
    .init(
      anchor: "every-night-with-mail-when-it-fails", statuses: [],
      after: """
        cron-once crontab; arrived .; [ ! -e mailbox ] && echo 'no mail'
        rm etc/d2/hmis.pat; cron-once crontab; head -n 2 mailbox; grep -c 'd2-orgunits: .*hmis.pat' mailbox
        """,
      holds: [
        "arrived", "no mail", "To: hmis@example.org", #"Subject: Cron log=$(d2-sync hmis 2>&1) || echo "$log""#, "1",
      ]
    ),
    .init(
      anchor: "every-pair-one-after-the-other",
      before: """
        echo wrong > etc/d2/wrong.pat
        d2-pairs add clinic --source-url $SRC --source-name clinic --source-pat file:$SCENE/etc/d2/wrong.pat \
          --destination-url $DST --destination-pat file:$SCENE/etc/d2/repository.pat > /dev/null
        """, statuses: ["1"], after: "arrived .; ls *.log", holds: ["arrived", "pair-1.log", "pair-2.log"]),
    .init(
      anchor: "which-data-sets-are-behind",
      before: """
        d2-datasets mark --pair hmis --synced-through "$(date -u +%FT%TZ)" all > /dev/null
        d2-datasets mark --pair hmis --synced-through 2024-02-01T00:00:00Z WEEK > /dev/null
        d2-datasets mark --pair hmis --synced-through never YEAR > /dev/null
        """, statuses: ["1"], after: "wc -l < behind.txt", holds: ["2"]),
  ]

  private static let ways: [CookbookExpectation] = [
    .init(
      anchor: "over-a-slow-line",
      after: "arrived 'select(month and january)'; jq -s 'map(.values) | max <= 1000' batches.ndjson",
      holds: ["arrived", "true"]),
    .init(
      anchor: "through-a-jump-host", statuses: ["0", "0"],
      after: """
        cat hosts; sort -u proxy.log; arrived 'select(month and january)'
        """, holds: ["jump.example", "connect hmis.internal", "listening", "arrived"]),
    .init(
      anchor: "through-a-queue-dispatcher2",
      after:
        "arrived 'select(month and bo and january)'; curl -sS $DST/control/stats | jq -r '[.recent[] | select(.method == \"POST\") | .userAgent | startswith(\"d2-push\")] | any'",
      holds: ["arrived", "false"]),
    .init(
      anchor: "a-password-from-a-password-manager", before: "rm etc/d2/hmis.pat",
      after:
        "d2-pull --pair hmis --data-set MONTH -p 202401 --quiet | wc -l | diff - <(at $SRC 'select(month and january)' | wc -l) && echo 'signs in'",
      holds: ["signs in"]),
  ]

  private static let files: [CookbookExpectation] = [
    .init(
      anchor: "into-a-spreadsheet-and-back",
      before: #"""
        at $SRC 'select(month and bo and january)' | sed -n 1p | values |
          jq -c '.comment = "=1+1, \"so\"; \u00e9\n\ttwo lines" | .followup = true' | store $SRC
        """#,
      statuses: ["0", "0"],
      after: #"""
        arrived 'select(month and bo and january)'
        remarks() {
          curl -sS "$1/control/values" | jq -L "$SCENE" -c 'include "scene";
            select((.deleted | not) and month and bo and january)
            | [.dataElement, .orgUnit, .categoryOptionCombo, .comment, .followup]'
        }
        cmp <(remarks $SRC) <(remarks $DST); remarks $DST | grep -c -F '=1+1, \"so\"; é\n\ttwo lines",true'
        """#, holds: ["arrived", "1"]),
    .init(
      anchor: "a-sheet-with-a-facility-in-each-row",
      // Two elements without categories and two units, by name.
      before: #"""
        default=$(ask "$SRC/api/categoryOptionCombos?filter=name:eq:default&fields=id&paging=false" |
          jq -r '.categoryOptionCombos[0].id')
        d2-pull --pair hmis --data-set MONTH -l Bo -p 202401 --quiet |
          jq -c --arg default "$default" 'select(.categoryOptionCombo == $default)' > some
        name() { ask "$SRC/api/$1?fields=id,name&paging=false" | jq -r --arg id "$2" ".$1[] | select(.id == \$id).name"; }
        set -- $(jq -r .dataElement some | sort -u | head -2) $(jq -r .orgUnit some | sort -u | head -2)
        printf 'facility,"%s","%s"\n%s,11,12\n%s,13,14\n' "$(name dataElements "$1")" "$(name dataElements "$2")" \
          "$(name organisationUnits "$3")" "$(name organisationUnits "$4")" > sheet.csv
        """#,
      after: """
        curl -sS $DST/control/values | jq -r 'select(.value | test("^1[1-4]$")) | .value' | sort | paste -sd ' '
        """, holds: ["11 12 13 14"]),
    .init(
      anchor: "a-server-without-a-network", statuses: ["0", "0"],
      after: "arrived 'select(month and months)'"),
    .init(
      anchor: "a-file-that-dhis2-exported",
      before: """
        ask "$SRC/api/dataValueSets?dataSet=$BfMAe6Itzgt&period=202402&orgUnit=$ImspTQPwCqd&children=true&compression=none" |
          jq '{dataSet: env.BfMAe6Itzgt, completeDate: null, period: "202402"} + .  | del(.orgUnit, .dataValues[].period)' > export.json
        """,
      after: "arrived 'select(month and .period == \"202402\")'"),
    .init(
      anchor: "a-csv-that-another-program-wrote",
      // One value is marked for follow-up, and one that the destination has is deleted at the source. The header is
      // that of DHIS2's documentation, except for two columns.
      before: #"""
        at $SRC 'select(month and .period == "202402")' | sed -n 1p | values | tee gone.ndjson | store $DST
        jq -c '.deleted = true' gone.ndjson | store $SRC
        at $SRC 'select(month and .period == "202402")' | sed -n 2p | values | jq -c '.followup = true' | store $SRC
        d2-pull --pair hmis --data-set MONTH -p 202402 --include-deleted --quiet | jq -r -s '
          ["dataelement", "period", "facility", "catoptcombo", "attroptcombo", "value", "storedby", "lastupdated", "comment",
            "followup", "deleted", "remarks"],
          (.[] | [.dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .value, .storedBy, .lastUpdated,
            .comment, .followup, .deleted, "x"]) | @csv' > export.csv
        """#,
      after: #"""
        arrived 'select(month and .period == "202402")'
        curl -sS $DST/control/values | jq -c 'select(.followup)' | wc -l
        d2-convert export.csv 2>&1 | grep -c 'line 1, column 24: unknown column "facility"'
        """#, holds: ["arrived", "1", "1"]),
    .init(
      anchor: "a-file-for-each-district",
      // Two districts with the same name.
      before: """
        kenema=$(d2-orgunits list --pair hmis --format json | jq -r 'select(.name == "Kenema") | .id')
        change $SRC '{"organisationUnits": [{"id": "'$kenema'", "name": "Bo"}]}'
        d2-orgunits sync --pair hmis > /dev/null
        """,
      after: """
        for district in bo kenema; do
          at $SRC "select(month and months and $district)" > should
          for file in districts/*.ndjson; do
            jq -c '[.dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .value]' "$file" |
              LC_ALL=C sort | cmp -s - should && echo $district
          done
        done
        cut -f 2 districts/names.tsv
        """, holds: ["bo", "kenema", "Bo", "Bo"]),
  ]

  private static let mending: [CookbookExpectation] = [
    .init(
      anchor: "send-again-what-was-refused",
      before: "at $SRC 'select(litres)' | values | jq -c '.value |= sub(\"[.]\"; \",\")' | store $SRC",
      statuses: ["1", "0"],
      after: """
        arrived 'select(month and months) | if litres then .value |= sub(","; ".") else . end'; wc -l < still-refused.ndjson
        """, holds: ["arrived", "0"]),
    .init(
      anchor: "a-report-was-entered-for-the-wrong-month",
      before: "at $SRC 'select(month and bo and january)' | values | jq -c '.period = \"202402\"' | store $DST",
      after: "arrived 'select(month and bo and january)'"),
    .init(
      anchor: "delete-what-was-moved-wrongly", before: "fill 'select(month)'",
      after: """
        arrived 'select(month and (kenema and .period == "202403" | not))'; d2-push --pair hmis --quiet < wrong.ndjson > /dev/null; arrived 'select(month)'
        """, holds: ["arrived", "arrived"]),
    .init(
      anchor: "delete-what-the-source-no-longer-has",
      before: """
        fill 'select(month and months)'; at $SRC 'select(month and months)' | sed -n 1,7p | values | jq -c '.deleted = true' | store $SRC
        """, statuses: ["1", "0"], after: "arrived 'select(month and months)'"),
    .init(
      anchor: "replace-a-quarter",
      before: """
        fill 'select(month and months)'; at $SRC 'select(month and months)' | sed -n 1,7p | values | jq -c '.deleted = true' | store $SRC
        """, statuses: ["0", "0"], after: "arrived 'select(month and months)'"),
    .init(
      anchor: "record-a-failure-for-a-colleague",
      before: #"fault $SRC '{"kind": "status", "status": 503, "times": 0, "path": "/api/dataValueSets"}'"#,
      statuses: ["75", "0"],
      after:
        "tar -xzOf recording.tar.gz | grep -c d2pat; tar -tzf recording.tar.gz | grep -c ndjson",
      holds: ["0", "1"]),
  ]
}
