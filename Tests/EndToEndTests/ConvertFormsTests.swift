import D2Common
import Glibc
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// The same values in several forms from real servers, and the result at a destination.
@Suite("d2-convert: what real servers exported", .waiting)
struct ConvertFormsTests {
  private static let versions = ["2.40.9.1", "2.42.5.2", "2.43.1"]

  /// The body of a recorded answer.
  private static func body(_ name: String, _ version: String) throws -> [UInt8] {
    for line in try Recorded.bytes("dhis2-\(version).ndjson").split(separator: 0x0A) {
      let exchange = try JSONValue(parsing: Array(line))
      guard exchange["name"]?.string == name, let response = exchange["response"] else { continue }
      if let text = response["body"]?.string { return Array(text.utf8) }
      return try #require(response["bodyBase64"]?.string.flatMap(Base64.decoded))
    }
    throw SystemError(ENOENT)
  }

  @Test("gzip, zip and CSV hold the values that JSON holds", arguments: versions)
  func forms(version: String) throws {
    let shell = Shell()
    for name in ["export-gzip", "export-zip", "export-csv"] {
      let path = "\(shell.folder)/\(name)"
      let file = try ReplacedFile(path, mode: 0o600)
      try file.write(try Self.body(name, version))
      try file.finish()
    }
    let outcome = shell.run(
      """
      for form in gzip zip csv; do d2-convert export-$form > $form; echo "$form=$?"; done
      # CSV has no created, says false where JSON says nothing, and has values in another order.
      plain() { jq -c -S 'with_entries(select(.value != null and .value != false)) | del(.created, .dataSet)' "$1" | sort; }
      cmp gzip zip && cmp <(plain gzip) <(plain csv) && echo same
      gzip -dc export-gzip | jq '.dataValues | length' | cmp - <(wc -l < gzip) && echo all
      d2-convert --to csv gzip > table; cmp <(d2-convert table | plain /dev/stdin) <(plain gzip) && echo back
      """)
    #expect(outcome.lines == ["gzip=0", "zip=0", "csv=0", "same", "all", "back"], "\(outcome.output)\(outcome.errors)")
  }

  @Test(
    "a CSV that this command wrote is the server's own, but for what a server writes for nothing", arguments: versions)
  func ownCSV(version: String) throws {
    let shell = Shell()
    let csv = String(decoding: try Self.body("export-csv", version), as: UTF8.self)
    shell.write("in", csv)
    let outcome = shell.run("d2-convert in | d2-convert --to csv")
    #expect(outcome.output == csv.replacing(",null\n", with: ",\n"), "\(outcome.errors)")
  }

  @Test(
    "real files are read, or named for what is odd in them", .enabled(if: RealData.isThere, "no real files"),
    arguments: RealData.names("datavaluesets") + RealData.names("datavaluesets-xml-csv")
      + RealData.names("datavaluesets-v43"))
  func real(name: String) throws {
    let shell = Shell()
    let path = "\(RealData.folder!)/\(name)"
    let outcome = shell.run("d2-convert '\(path)'; echo $?")
    #expect(["0", "65"].contains(outcome.lines.last), "\(name): \(outcome.output)\(outcome.errors)")
    if outcome.lines.last == "65" { #expect(outcome.errors.contains(path), "\(name): \(outcome.errors)") }
    guard name.hasSuffix(".json"), outcome.lines.last == "0" else { return }
    let values = shell.run("jq -c '.dataValues // . | length' '\(path)'")
    #expect(values.lines == ["\(outcome.lines.count - 1)"] || outcome.lines.count == 1, "\(name): \(outcome.errors)")
  }

  @Test("through a file of each form, a destination holds what the source holds, deleted marks and follow-up included")
  func pipelines() throws {
    let world = try World(values: 500)
    let outcome = world.run(
      """
      d2-pull --url $SRC --data-set $DS --org-unit $ROOT --children --start-date 2022-01-01 --end-date 2022-12-31 \
        --include-deleted --quiet > values
      jq -c 'select(.deleted == true)' values | wc -l | tr -d ' '
      for form in ndjson csv document; do
        d2-convert --to $form --quiet values > file
        d2-convert --quiet file | d2-push --url $DST --quiet > /dev/null; echo "$form $?"
      done
      d2-pull --url $DST --data-set $DS --org-unit $ROOT --children --start-date 2022-01-01 --end-date 2022-12-31 \
        --include-deleted --quiet > there
      plain() { jq -c '[.dataElement,.period,.orgUnit,.categoryOptionCombo,.attributeOptionCombo,.value,.comment,.followup == true,.deleted == true]' $1 | sort; }
      cmp <(plain values) <(plain there) && echo same
      """)
    #expect(
      outcome.lines.dropFirst() == ["ndjson 0", "csv 0", "document 0", "same"], "\(outcome.output)\(outcome.errors)")
    #expect(Int(outcome.lines.first ?? "") ?? 0 > 0, "some values are deleted: \(outcome.output)")
  }
}
