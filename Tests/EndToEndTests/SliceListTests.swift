import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-slices list, status, claim, done and fail", .waiting)
struct SliceListTests {
  @Test("list and status: formats, selections, statuses", arguments: StoreKind.available)
  func formats(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let outcome = world.run(
      """
      d2-slices plan --pair hmis --data-set MONTH -y 2022 --plan year --quiet > /dev/null
      d2-slices plan --pair hmis --data-set YEAR -y 2022 --quiet > /dev/null
      d2-slices run --pair hmis --max-slices 3 --trust-status --quiet -- true
      d2-slices list --pair hmis --format tsv | head -2
      d2-slices list --pair hmis --state done --format json | jq -r .periods | tr '\\n' ' '; echo
      d2-slices list --pair hmis --data-set MONTH --period 202202,202203 | jq -r .state | tr '\\n' ' '; echo
      d2-slices list --pair hmis --plan year | wc -l; d2-slices list --pair hmis --id 1 | jq .id
      d2-slices status --pair hmis --format json | jq -c '[.name, .slices, .waiting, .done, .percent]'
      d2-slices status --pair hmis --by period --format tsv --quiet | wc -l
      d2-slices status --pair hmis --by all --quiet | wc -l; d2-slices status --pair hmis --plan year --quiet | jq .slices
      d2-slices status --pair hmis --format table --quiet | head -1
      d2-slices list --pair hmis --state nothing; echo $?; d2-slices status --pair nothing; echo $?; d2-slices list --pair hmis extra; echo $?
      d2-slices reset --pair hmis; echo $?; d2-slices reset --pair hmis --all --remove --yes; echo $?; d2-slices list --pair hmis --format tsv
      """)
    let set = world.metadata.dataSets[0].uid
    let columns =
      "id\tstate\tdataSet\tperiods\tsince\torgUnits\tchildren\tattempt\tpulled\trefused\tlastStatus\tlastError"
    #expect(
      outcome.lines == [
        columns, "1\tdone\t\(set)\t202212\t\t[\"\(world.root)\"]\ttrue\t1\t\t\t0\t",
        "202212 202211 202210 ", "waiting waiting ", "12", "1",
        #"["Yearly census of facilities",1,1,0,0]"#, #"["Monthly health report",12,9,3,25]"#,
        "14", "13", "12",
        "DATASET      NAME                         SLICES  WAITING  LEASED  RETRY  DONE  VERIFIED  REFUSEDSLICES  FAILED  PERCENT  PULLED  REFUSED",
        "64", "78", "64", "64", "0",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("3 of 13 slices done (23 %), 10 open, 0 done with refusals, 0 parked"))
  }

  @Test("claim, renew, done and fail by hand, and their statuses", arguments: StoreKind.available)
  func byHand(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let outcome = world.run(
      """
      d2-slices claim --pair hmis; echo $?
      d2-slices plan --pair hmis --data-set QUARTER -y 2022 --quiet > /dev/null
      slice=$(d2-slices claim --pair hmis --worker me --order oldest --lease 1m); jq -r .periods <<< $slice
      d2-slices list --pair hmis --state leased | jq -c '[.worker, has("token")]'
      d2-slices renew --pair hmis --slice "$slice" --lease 20m; echo $?
      d2-slices renew --pair hmis $(jq .id <<< $slice) --token wrong; echo $?; d2-slices renew --pair hmis 1; echo $?
      for verb in renew done fail; do d2-slices $verb --pair hmis --slice "$slice" extra 2>> extra; echo $?; d2-slices $verb --pair hmis 1 2 --token x 2>> extra; echo $?; done | paste -sd' '; grep -c 'unexpected argument' extra
      d2-slices done --pair hmis --slice '{"no":"slice"}'; echo $?
      d2-pull --slice "$slice" --spool --summary pull | d2-push --slice "$slice" --summary push > /dev/null; echo $?
      jq '.status = 75' pull > bad; d2-slices done --pair hmis --slice "$slice" --pull-summary bad --push-summary push; echo $?
      jq '.status = 1' push > some; jq '.isWhole = false' some > cut; d2-slices done --pair hmis --slice "$slice" --pull-summary pull --push-summary cut --accept-rejects; echo $?
      d2-slices done --pair hmis --slice "$slice" --pull-summary nowhere; echo $?; count done
      d2-slices done --pair hmis --slice "$slice" --pull-summary pull --push-summary some --accept-rejects; echo $?
      d2-slices done --pair hmis --slice "$slice" --pull-summary pull --push-summary push; echo $?
      d2-slices list --pair hmis --state done | jq -c '[.pulled > 0, .lastStatus]'
      slice=$(d2-slices claim --pair hmis)
      d2-slices fail --pair hmis --slice "$slice" --error 'no space' --status 73 --retry-after 0s; echo $?
      d2-slices fail --pair hmis --slice "$slice"; echo $?
      slice=$(d2-slices claim --pair hmis); jq .attempt <<< $slice
      d2-slices fail --pair hmis $(jq .id <<< $slice) --token $(jq -r .token <<< $slice) --attempts 2; echo $?; count failed
      d2-slices list --pair hmis --state failed | jq -c '[.lastError, .lastStatus]'; d2-slices status --pair hmis --quiet > /dev/null; echo $?
      """)
    #expect(
      outcome.lines == [
        "1", "2022Q1", #"["me",false]"#, "0", "1", "64", "64 64 64 64 64 64", "6", "64", "0", "1", "1", "74", "0", "0",
        "1", "[true,1]", "0", "1", "2", "0", "1", #"["ended with status 1",1]"#, "1",
      ], "\(outcome.output)\(outcome.errors)")
    let differences = world.differences(of: [1]) { $0["period"] == "2022Q1" }
    #expect(differences == [])
  }
}
