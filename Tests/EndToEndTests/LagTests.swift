import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// `d2-slices status --lag`: compares the newest change at the source with what was delivered.
@Suite("d2-slices status --lag", .waiting)
struct LagTests {
  /// `changes COUNT FROM TO`: values of the monthly data set, changed at times evenly from one to the other, in seconds
  /// since 1970.
  private static let library = #"""
    export TEMPLATE=$(curl -sf $SRC/control/values | grep -m1 "$ELEMENT")
    changes() {
      jq -cn --argjson value "$TEMPLATE" --argjson n "$1" --argjson from "$2" --argjson to "$3" --arg units "$UNITS" '
        ($units | split(" ")) as $u | range($n) | . as $i | (if $n > 1 then $from + ($to - $from) * $i / ($n - 1) else $to end | floor) as $at
        | $value + {orgUnit: $u[$i % ($u | length)], period: "20\(10 + ($i / ($u | length) | floor) % 12)0\(1 + ($i / ($u | length) / 12 | floor) % 9)", lastUpdated: ($at | todate | sub("Z"; ".000+0000"))}' |
        curl -sf -o /dev/null --data-binary @- $SRC/control/values
    }
    lag() { d2-slices status --pair hmis --lag --format json "$@"; }
    month() { jq -c "select(.name == \"Monthly health report\" and .kind == \"values\") | $1"; }
    asked() { curl -sf $SRC/control/stats | jq '[.recent[] | select(.target | startswith("/api/dataValueSets"))] | length'; }
    forget() { curl -sf -o /dev/null -X POST $SRC/control/reset-stats; }
    now=$(date +%s)

    """#

  private static func world(_ kind: StoreKind, _ version: StandInServer.ServerVersion = .v42) throws -> World {
    let world = try World(slicesIn: kind, version, values: 600, level: nil)
    world.shell.write("lag.sh", library)
    return world
  }

  private static func environment(_ world: World) -> [String: String] {
    let metadata = world.metadata
    return [
      "ELEMENT": metadata.elements(of: metadata.dataSets[0].uid).sorted()[0],
      "UNITS": metadata.organisationUnits.filter { $0.level == 5 && $0.closed == nil }.map(\.uid).joined(
        separator: " "),
    ]
  }

  @Test(
    "what changed after the delivery is seen, by the second; nothing new costs one question a data set",
    arguments: StoreKind.available)
  func behind(kind: StoreKind) throws {
    let world = try Self.world(kind, kind == .sqlite ? .v42 : .v43)
    let outcome = world.run(
      """
      source lag.sh
      lag | month '[.syncedThrough, .lagSeconds, .newestChange]'
      d2-slices plan --pair hmis -i --data-set MONTH --quiet > /dev/null; d2-slices run --pair hmis --quiet; forget
      lag --quiet --look-back 0s | month '[.lagSeconds, .newestChange, .error, .open, .lastDelivered != null]'; asked
      mark() { d2-datasets mark --pair hmis --synced-through $(date -u -d @$((now - $1)) +%FT%TZ) MONTH --quiet > /dev/null; }
      mark 864000; changes 1 0 $((now - 3600)); forget
      lag --quiet --look-back 0s | month '[.lagSeconds, .isExact]'; asked
      changes 3000 $((now - 500000)) $((now - 1234)); forget
      lag --quiet --look-back 0s | month '[.lagSeconds, .isExact]'; (( $(asked) < 40 )) && echo few
      d2-datasets mark --pair hmis --synced-through $(date -u +%FT%TZ) QUARTER,YEAR,WEEK,DAY,PARTNER --quiet > /dev/null
      mark 60; lag --quiet | month "[.lagSeconds, .newestChange == ($((now - 1234)) | todate), .isExact]"
      lag --max-lag 1h --quiet > /dev/null; echo $?; mark 864000; lag --max-lag 1h --quiet > /dev/null; echo $?
      lag --by pair | jq -c '[.pair, .dataSets > 4, .behind, .lagSeconds]'
      """, Self.environment(world))
    #expect(
      outcome.lines == [
        "[null,null,null]", #"[0,null,null,0,true]"#, "\(world.metadata.dataSets.count)",
        "[860400,true]", "\(world.metadata.dataSets.count)",
        "[862766,true]", "few", "[0,true,true]", "0", "1", #"["hmis",true,1,862766]"#,
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("behind, the most 10 days (Monthly health report)"), "\(outcome.errors)")
  }

  @Test(
    "a source that cannot be reached or refuses: what was delivered comes out all the same, with the reason and its status",
    arguments: StoreKind.available)
  func unreachable(kind: StoreKind) throws {
    let world = try Self.world(kind)
    let outcome = world.run(
      """
      source lag.sh
      d2-slices plan --pair hmis -i --data-set MONTH --quiet > /dev/null; d2-slices run --pair hmis --quiet
      fault $SRC '{"kind":"status","status":403,"body":"{}","type":"application/json","times":1,"path":"/api/dataValueSets"}'
      lag --prometheus up.prom --verbose > out 2> err; echo $?; jq -c '[.error != null, .newestChange]' out | sort | uniq -c | sed 's/^ *//'
      d2-pairs set hmis --source-url http://127.0.0.1:9 --quiet > /dev/null
      lag --prometheus metrics/d2.prom --quiet > /dev/null; echo $?; mkdir metrics
      lag --prometheus metrics/d2.prom 2>> err | month '[.syncedThrough != null, .lastDelivered != null, .lagSeconds, (.error | contains("127.0.0.1:9"))]'
      lag --quiet 2>> err > /dev/null; echo $?; ls metrics; stat -c %a metrics/d2.prom; grep -c '^d2_synced_through' metrics/d2.prom
      grep -e '^d2_source_up' metrics/d2.prom; grep -c '^d2_lag_seconds' metrics/d2.prom
      lag --no-ask --prometheus metrics/d2.prom 2>> err | month '[.syncedThrough != null, .error]'; grep -c source_up metrics/d2.prom
      unset SOURCE_PASSWORD; lag --quiet 2>> err | month '.lastDelivered != null'; echo ${PIPESTATUS[0]}
      lag --no-ask --max-lag 1h > /dev/null 2>> err; echo $?; d2-slices status --pair hmis --max-lag 1h 2>> err; echo $?
      cat err metrics/d2.prom out | grep -c district
      """, Self.environment(world))
    #expect(
      outcome.lines == [
        "77", "\(world.metadata.dataSets.count - 1) [false,null]", "1 [true,null]", "73",
        "[true,true,null,true]", "69", "d2.prom", "644", "1", #"d2_source_up{pair="hmis"} 0"#, "0", "[true,null]", "0",
        "true", "78", "64", "64", "0",
      ], "\(outcome.output)\(outcome.errors)\(world.shell.file("err"))")
  }

  @Test(
    "what was never delivered is over any limit where the source has something of it, and is named",
    arguments: [StandInServer.ServerVersion.v40, .v43])
  func neverDelivered(version: StandInServer.ServerVersion) throws {
    let world = try Self.world(.sqlite, version)
    let outcome = world.run(
      """
      source lag.sh
      # An active data set of which the source has nothing is not missed; nor is one that was disabled.
      curl -sf $SRC/control/metadata -o answer -d '{"dataSets":[{"id":"EmptySet001","name":"Nothing yet","code":"EMPTY","periodType":"Monthly","organisationUnits":[{"id":"'$ROOT'"}],"dataSetElements":[{"dataElement":{"id":"NewElement1"}}]}],"dataElements":[{"id":"NewElement1"}]}'
      d2-datasets sync --pair hmis --quiet > /dev/null; d2-datasets disable --pair hmis WEEK --quiet > /dev/null
      d2-datasets mark --pair hmis --synced-through $(date -u +%FT%TZ) QUARTER,YEAR,PARTNER --quiet > /dev/null
      changes 2 $((now - 200000)) $((now - 180000)); lag --max-lag 90000h --quiet | month '[.lagSeconds, .newestChange != null]'; echo ${PIPESTATUS[0]}
      lag --max-lag 90000h --look-back 0s --quiet > /dev/null; echo $?; lag --quiet > /dev/null; echo $?
      d2-datasets mark --pair hmis --synced-through $(date -u +%FT%TZ) MONTH,DAY --quiet > /dev/null; lag --max-lag 90000h --quiet > /dev/null; echo $?
      """, Self.environment(world))
    #expect(outcome.lines == ["[null,true]", "1", "1", "0", "0"], "\(outcome.output)\(outcome.errors)")
    let lines = outcome.errors.split(separator: "\n").filter { $0.contains("never delivered as an increment") }
    #expect(lines.count == 2, "\(outcome.errors)")
    for named in [
      "Monthly health report (newest change 2 days ago)", "Daily stock (newest change more than 30 days ago)",
    ] {
      #expect(lines.first?.contains(named) == true, "\(named): \(lines)")
    }
    #expect(!outcome.errors.contains("Nothing yet") && !outcome.errors.contains("Weekly surveillance"))
  }

  @Test("registrations have a lag of their own, where they travel", arguments: [StoreKind.sqlite])
  func registrations(kind: StoreKind) throws {
    let world = try Self.world(kind)
    let outcome = world.run(
      """
      source lag.sh
      d2-slices plan --pair hmis -i --registrations --data-set MONTH --quiet > /dev/null; d2-slices run --pair hmis --quiet
      registrations() { jq -c 'select(.kind == "registrations") | [.name, .lagSeconds]'; }
      lag --quiet --look-back 0s | registrations
      d2-datasets mark --pair hmis --synced-through $(date -u -d '5 days ago' +%FT%TZ) --registrations MONTH --quiet > /dev/null
      set -- $UNITS; curl -sf -u admin:district -H 'Content-Type: application/json' $SRC/api/completeDataSetRegistrations -o answer \
        -d '{"completeDataSetRegistrations":[{"period":"202201","dataSet":"'$SET'","organisationUnit":"'$1'","attributeOptionCombo":"HllvX50cXC0","completed":true}]}'
      lag --quiet | registrations
      """, Self.environment(world).merging(["SET": world.metadata.dataSets[0].uid]) { $1 })
    let lag = outcome.documents.last?.array?[1].int ?? 0
    #expect(outcome.lines.first == #"["Monthly health report",0]"#, "\(outcome.output)\(outcome.errors)")
    // From five days ago to now, as near as the questions go.
    #expect((431_800...432_300).contains(lag), "\(outcome.output)\(outcome.errors)\(world.shell.file("answer"))")
  }

  @Test("the metrics are of the text format of Prometheus, whatever data sets and pairs are called")
  func metrics() throws {
    let world = try ReportStore(name: #"a "pair" \ Kîgali"#)
    try world.add(dataSet: "BfMAe6Itzgt", name: "Two\nlines, a \\ and a \"", syncedThrough: "2026-01-02T03:04:05Z")
    try world.add(dataSet: "Other", name: "Never delivered")
    try world.add(slice: [
      "dataset_id": .text("BfMAe6Itzgt"), "periods": .text("202401"), "state": .text("done"),
      "finished": .int(1_764_000_065_000),
    ])
    let outcome = world.shell.run("d2-slices status --pair 1 --store store --lag --no-ask --prometheus d2.prom --quiet")
    #expect(outcome.status == 0 && outcome.lines.count == 2, "\(outcome.errors)")
    let text = world.shell.file("d2.prom")
    let labels = #"pair="a \"pair\" \\ Kîgali",data_set="BfMAe6Itzgt",name="Two\nlines, a \\ and a \"",kind="values""#
    #expect(text.contains("d2_synced_through_timestamp_seconds{\(labels)} 1767323045\n"), "\(text)")
    #expect(text.contains("d2_last_delivery_timestamp_seconds{\(labels)} 1764000065\n"))
    for family in Set(text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { $0.prefix { $0 != "{" } }) {
      let head = "# TYPE \(family) gauge\n\(family){"
      #expect(text.contains("# HELP \(family) ") && text.contains(head), "\(family)")
    }
    let checked = world.shell.run("type -P promtool > /dev/null || exit 0; promtool check metrics < d2.prom")
    #expect(checked.status == 0 && checked.output.isEmpty, "\(checked.output)\(checked.errors)")
  }
}
