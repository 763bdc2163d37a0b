import Testing
import WaitingTests

@testable import StandInServer

@Suite("Input other than data values", .waiting)
struct ForeignInputTests {
  private static let inputs: [(make: String, says: String)] = [
    ("printf 'dataelement,period,orgunit\\na,2024,b\\n'", "this looks like CSV"),
    ("printf 'dataElement;period;orgUnit\\na;2024;b\\n'", "this looks like CSV"),
    ("gzip -c good", "this is gzip, not text: put d2-convert FILE | before the command"),
    ("printf '<!DOCTYPE html>\\n<html></html>\\n'", "this is HTML"),
    ("printf '<?xml version=\"1.0\"?>\\n<dataValueSet/>\\n'", "this is XML"),
    (
      "jq -c -s . good",
      "this is a JSON array, but each value must be a line of its own: put d2-convert FILE | before the command"
    ),
    ("jq -s '{dataValues: .}' good", "this is a JSON document over several lines"),
    ("jq -c -s '{dataValues: .}' good", "this is a whole answer of DHIS2"),
    ("iconv -t UTF-16 good", "this is UTF-16, but each value must be a line of UTF-8: put d2-convert FILE |"),
    ("iconv -t UTF-16BE good", "this is UTF-16"),
    ("printf 'PK\\003\\004\\024\\n'", "this is a zip archive"), ("printf '5\\n'", "not a JSON object"),
  ]

  @Test("every command that reads data values says what it is, and what to type", arguments: Self.inputs)
  func says(input: (make: String, says: String)) throws {
    let server = try StandIn(StandInOptions())
    server.start()
    defer { server.stop() }
    let shell = Shell(["DST": server.url])
    shell.write("good", #"{"dataElement":"a","period":"2024","orgUnit":"u","value":"1"}"# + "\n")
    shell.write("table", "kind,from,to\ndataElement,a,b\n")
    for command in ["d2-push --url $DST", "d2-map table", "d2-diff good -"] {
      let outcome = shell.run("{ \(input.make); } > input; \(command) < input")
      #expect(outcome.status == 65, "\(command): \(outcome.errors)")
      let line = command.hasPrefix("d2-diff") ? "standard input, line 1: " : "line 1: "
      #expect(outcome.errors.contains(line + input.says), "\(command): \(outcome.errors)")
      #expect(outcome.output.isEmpty, "\(command): \(outcome.output)")
    }
  }

  @Test("rejects that come back as they are: said, with what to type, and the file stays as it was")
  func rejectsAsInput() throws {
    let world = try World(values: 100)
    let outcome = world.run(
      """
      \(World.pullAll) --quiet | jq -c 'select(.deleted!=true) | .orgUnit="Nonexisten1"' | head -3 > bad
      d2-push --url $DST --quiet --rejects rejects < bad > /dev/null; cp rejects before
      d2-push --url $DST < rejects 2> errors; echo $?; grep -c "this is a line of a rejects file: put jq -c 'select(.value).value'" errors
      d2-push --url $DST --rejects rejects < rejects 2> errors; echo $?; grep -c 'rejects holds rejects, not values' errors
      cmp rejects before && echo same; ls rejects.part 2> /dev/null; jq -c 'select(.value).value' rejects | cmp - bad && echo again
      """)
    #expect(
      outcome.lines == ["65", "1", "65", "1", "same", "again"],
      "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
  }

  @Test("what is told to type turns a whole answer into lines")
  func typed() throws {
    let world = try World(.v43, .v43, values: 300)
    let outcome = world.run(
      """
      set -- ${DS//,/ }
      curl -s -u admin:district "$SRC/api/dataValueSets?dataSet=$1&orgUnit=$ROOT&children=true&period=202203" > whole
      d2-push --url $DST < whole 2> errors > /dev/null; echo $?
      command=$(grep -o 'd2-convert FILE' errors)
      ${command/FILE/whole} > lines; jq '.dataValues|length' whole | cmp - <(wc -l < lines) && echo all
      d2-push --url $DST --data-set $1 < lines > /dev/null; echo $?
      """)
    #expect(outcome.lines == ["65", "all", "0"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("the way to try rejects again works for malformed lines too")
  func rejects() throws {
    let world = try World(values: 100)
    let outcome = world.run(
      """
      \(World.pullAll) --quiet | jq -c 'select(.deleted!=true)' | head -5 > values
      { head -2 values; sed -n 3p values | tr -d '}'; sed -n 4p values | jq -c '.orgUnit="Nonexisten1"'; } > mixed
      d2-push --url $DST --rejects rejects < mixed > /dev/null 2> errors
      filter=$(grep -o "jq -r '[^']*'" errors)
      eval "$filter rejects" > again; cmp again <(sed -n 3,4p mixed) && echo the same
      """)
    #expect(outcome.lines == ["the same"], "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
  }
}
