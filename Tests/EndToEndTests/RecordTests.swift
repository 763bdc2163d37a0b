import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("--record and --replay", .waiting)
struct RecordTests {
  private static let pull =
    "d2-pull --url $SRC --data-set $SET --org-unit $ROOT --children --period 202201,202202 --retries 0"

  private static func world(_ values: Int = 600) throws -> (World, String) {
    let world = try World(values: values, environment: ["D2_PASSWORD": "s3cretOf\"All", "D2_USERNAME": "mover"]) {
      $0.users = ["mover": "s3cretOf\"All"]
    }
    return (world, Country.metadata(units: World.units, seed: 1).dataSets[0].uid)
  }

  @Test("what was recorded is answered again: the same lines, the same account")
  func replay() throws {
    let (world, set) = try Self.world()
    let outcome = world.run(
      """
      umask 022; \(Self.pull) --record rec | tee pulled | d2-push --url $DST --record rec --retries 0 > account; echo ${PIPESTATUS[*]}
      stat -c %a rec rec/*; ls rec | wc -l; wc -l < pulled
      jq -r '[.command, .request.method, (.request.target | split("?")[0]), .response.status] | @tsv' rec/* | sort -u
      """, ["SET": set, "ROOT": world.root])
    #expect(outcome.lines.prefix(5) == ["0 0 0", "700", "600", "600", "2"], "\(outcome.output)\(outcome.errors)")
    #expect((Int(outcome.lines.dropFirst(5).first ?? "") ?? 0) > 20)
    #expect(outcome.lines.contains("d2-push\tPOST\t/api/dataValueSets\t200"), "\(outcome.output)")

    let replay = try ReplayStandIn(folder: world.shell.folder + "/rec")
    replay.start()
    defer { replay.stop() }
    let again = world.run(
      """
      \(Self.pull) --quiet | cmp - pulled; echo $?
      d2-push --url $DST --quiet < pulled | jq -c 'del(.milliseconds)' | cmp - <(jq -c 'del(.milliseconds)' account); echo $?
      d2-pull --url $SRC --data-set $SET --org-unit $ROOT --period 2020 --no-check --retries 0; echo $?
      """, ["SRC": replay.url, "DST": replay.url, "SET": set, "ROOT": world.root])
    #expect(again.lines == ["0", "0", "64"] || again.lines == ["0", "0", "76"], "\(again.output)\(again.errors)")
    #expect(again.errors.contains("not in the recording") || again.errors.contains("404"), "\(again.errors)")
  }

  @Test("a broken answer breaks again, a failure fails again")
  func failures() throws {
    let (world, set) = try Self.world()
    try world.fail(source: #"{"kind":"cut-body","after":3000,"times":0,"path":"/api/dataValueSets"}"#)
    try world.fail(
      destination: #"{"kind":"status","status":502,"times":0,"path":"/api/dataValueSets","method":"POST"}"#)
    let script = """
      \(Self.pull) --compression none > "$1"; echo $?
      d2-push --url $DST --retries 0 --rejects "rejects-$1" < "$1" > /dev/null; echo $?
      """
    let recorded = world.run(
      "export D2_RECORD=rec; set one; \(script); jq -r 'select(.error) | .command' rec/*",
      ["SET": set, "ROOT": world.root])
    #expect(recorded.lines == ["75", "75", "d2-pull"], "\(recorded.output)\(recorded.errors)")
    let replay = try ReplayStandIn(folder: world.shell.folder + "/rec")
    replay.start()
    defer { replay.stop() }
    let again = world.run(
      "set two; \(script); cmp one two; echo $?",
      ["SRC": replay.url, "DST": replay.url, "SET": set, "ROOT": world.root])
    #expect(again.lines == ["75", "75", "0"], "\(again.output)\(again.errors)")
  }

  @Test("no secret is in a recording, wherever it appears", arguments: StoreKind.available)
  func secrets(kind: StoreKind) throws {
    let secret = "s3cret+Of/All=="
    let world = try World(pairIn: kind, values: 300, environment: ["SOURCE_PASSWORD": secret]) {
      $0.adminPassword = secret
    }
    let outcome = world.run(
      """
      export XDG_STATE_HOME=$PWD/state D2_RECORD=$PWD/rec D2_DESTINATION_PASSWORD='\(secret)'; printf '%s\\n' '\(secret)' > pass
      d2-pairs set hmis --destination-password file:$PWD/pass > /dev/null
      d2-pairs test hmis > /dev/null; echo $?; d2-orgunits sync --pair hmis > /dev/null; d2-datasets sync --pair hmis > /dev/null; echo $?
      d2-slices plan --pair hmis -y 2022 -q 1 --quiet > /dev/null; d2-slices run --pair hmis --quiet; echo $?
      D2_PASSWORD=wrong-\(secret) d2-pull --url $SRC --username admin --data-set abcdefghijk --org-unit ImspTQPwCqd --period 2022; echo $?
      ls rec | cut -d- -f2- | sed 's/-[0-9]*.ndjson//' | sort -u | tr '\\n' ' '; echo
      grep -l -F -e '\(secret)' -e "$(printf 'admin:%s' '\(secret)' | base64)" -e "$(printf 'admin:wrong-%s' '\(secret)' | base64)" rec/* | wc -l
      cat rec/* | jq -r '.request.headers.Authorization' | sort | uniq -c | awk '{ print $2 }' | tr '\\n' ' '; echo
      grep -c JSESSIONID rec/* | grep -vc ':0$'
      """)
    #expect(
      outcome.lines == [
        "0", "0", "0", "77", "d2-datasets d2-orgunits d2-pairs d2-pull d2-push d2-slices ", "0", "(hidden) ", "0",
      ], "\(outcome.output)\(outcome.errors)")
  }

  @Test("a page that says the token back is recorded without it: as text, in other encodings, compressed")
  func echoed() throws {
    let (world, set) = try Self.world(50)
    let token = "d2pat_SECRETSECRET123/+x"
    let outcome = world.run(
      #"""
      cat > echo.py << 'PY'
      import gzip, http.server, sys, urllib.parse
      token = sys.argv[1]
      bodies = [("text " + token).encode(), b"\xe9 " + token.encode(), gzip.compress(("zipped " + token).encode()),
                urllib.parse.quote(token, safe="").encode(), token.replace("/", "\\/").encode()]
      class Echo(http.server.BaseHTTPRequestHandler):
          number = 0
          def do_GET(self):
              body = bodies[Echo.number % len(bodies)]
              Echo.number += 1
              self.send_response(400); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
          def log_message(self, *words): pass
      server = http.server.HTTPServer(("127.0.0.1", 0), Echo)
      print(server.server_port, flush=True)
      server.serve_forever()
      PY
      python3 echo.py "$TOKEN" > port & server=$!; until [ -s port ]; do sleep 0.05; done
      for n in 1 2 3 4 5; do D2_PAT=$TOKEN d2-pull --url http://127.0.0.1:$(cat port) --data-set $SET --org-unit $ROOT --period 2022 --no-check --record rec 2>> errors; done
      kill $server; cat rec/* | jq -r '.response | .body // .bodyBase64 // "nothing"' > bodies; grep -c . bodies; grep -c hidden bodies
      python3 -c 'import json,base64,glob,sys; text = b"".join(open(f, "rb").read() for f in glob.glob("rec/*")); raw = b"".join(base64.b64decode(json.loads(line)["response"].get("bodyBase64", "")) for line in text.splitlines()); print(b"SECRETSECRET" in text or b"SECRETSECRET" in raw)'
      """#, ["SET": set, "ROOT": world.root, "TOKEN": token])
    #expect(outcome.lines == ["5", "3", "False"], "\(outcome.output)\(outcome.errors)\(world.shell.file("bodies"))")
  }

  @Test("a folder that cannot be written is an error; a full disk ends the recording, not the run")
  func faults() throws {
    let (world, set) = try Self.world()
    let variables = ["SET": set, "ROOT": world.root]
    let none = world.run("\(Self.pull) --record /nowhere/at/all; echo $?", variables)
    #expect(none.lines == ["73"] && none.errors.contains("--record: cannot make the folder"), "\(none.errors)")
    let limited = world.run(
      "\(Self.pull) > whole; (ulimit -f 1; trap '' XFSZ; \(Self.pull) --record rec) | cat > part; cmp whole part; echo $?",
      variables)
    #expect(
      limited.lines == ["0"] && limited.errors.contains("nothing more is recorded"),
      "\(limited.output)\(limited.errors)")
  }
}
