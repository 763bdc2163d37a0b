import D2Common
import Testing
import WaitingTests

@testable import StandInServer

/// The layers between a command and its server: TLS, proxies, compression.
@Suite("network", .waiting)
struct NetworkTests {
  /// A proxy in front of a stand-in: TLS with a certificate of a private authority, or plain. `mode` is `tls`, `gzip`
  /// (compresses its answers) or `forward` (an explicit proxy). It writes its port to the file `port`.
  private static let proxy = #"""
    import gzip, http.client, http.server, ssl, sys
    target, mode = sys.argv[1], sys.argv[2]
    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def handle_one(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path
            if path.startswith("http://"): path = "/" + path.split("/", 3)[3]
            upstream = http.client.HTTPConnection(target)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "accept-encoding", "connection")}
            upstream.request(self.command, path, body=body or None, headers=headers)
            answer = upstream.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for k, v in answer.getheaders():
                if k.lower() not in ("transfer-encoding", "content-length", "connection"): self.send_header(k, v)
            if mode == "gzip":
                data = gzip.compress(data)
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(data)))
            # The client may end as soon as it has the answer.
            with open("seen", "a") as seen: seen.write(self.command + " " + self.path + "\n")
            self.end_headers()
            self.wfile.write(data)
        do_GET = do_POST = handle_one
        def log_message(self, *_): pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    if mode == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("server.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    open("port", "w").write(str(server.server_address[1]))
    server.serve_forever()
    """#

  private static let start =
    "python3 proxy.py ${SRC#http://} $MODE & trap 'kill %1' EXIT; await '[ -s port ]'; PORT=$(cat port)\n"

  private func pull(_ url: String) -> String {
    "d2-pull --url \(url) --data-set $DS --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --include-deleted"
  }

  @Test("an https address of a port that speaks http fails in seconds, and says so")
  func httpsToHTTP() throws {
    let world = try World(values: 10)
    let outcome = world.run(
      """
      SECONDS=0
      d2-pull --url https://${SRC#http://} --data-set abcdefghijk --org-unit abcdefghijk --period 202201; echo $?
      [ $SECONDS -lt 30 ] && echo quick
      """)
    #expect(outcome.lines == ["69", "quick"], "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.errors.contains("the port answers http, not https (--url http://127.0.0.1:"), "\(outcome.errors)")
    #expect(!outcome.errors.contains("again in"), "\(outcome.errors)")
  }

  @Test("certificates are verified: an unknown authority is refused, --ca-file adds it, --insecure warns")
  func tls() throws {
    let world = try World(environment: ["MODE": "tls"])
    world.shell.write("proxy.py", Self.proxy)
    let outcome = world.run(
      """
      openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=Test-CA -days 2 2>/dev/null
      openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost 2>/dev/null
      openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.crt -extfile <(echo subjectAltName=DNS:localhost) 2>/dev/null
      cat server.crt server.key > server.pem
      \(Self.start)
      \(pull("https://localhost:$PORT")) > none; echo $?
      \(pull("https://localhost:$PORT")) --ca-file ca.pem --quiet | wc -l
      \(pull("https://127.0.0.1:$PORT")) --ca-file ca.pem > none; echo $?
      \(pull("https://127.0.0.1:$PORT")) --insecure 2> warned | wc -l; grep -c 'not verified' warned; wc -c < none
      """)
    #expect(outcome.lines == ["69", "3000", "69", "3000", "1", "0"], "\(outcome.errors)")
    #expect(outcome.errors.contains("--ca-file"))
  }

  @Test("answers that a proxy compresses are read, data and import summaries")
  func compressedAnswers() throws {
    let world = try World(environment: ["MODE": "gzip"])
    world.shell.write("proxy.py", Self.proxy)
    let outcome = world.run(
      """
      \(World.pullAll) --quiet > values; SRC=$DST
      \(Self.start)
      d2-push --url http://127.0.0.1:$PORT < values > /dev/null; echo $?
      \(pull("http://127.0.0.1:$PORT")) --quiet | wc -l; \(pull("http://127.0.0.1:$PORT")) --compression none --quiet | wc -l
      """)
    #expect(outcome.lines == ["0", "3000", "3000"], "\(outcome.errors)")
    #expect(world.differences() == [])
  }

  @Test("HTTP_PROXY and NO_PROXY are honoured")
  func proxy() throws {
    let world = try World(environment: ["MODE": "forward"])
    world.shell.write("proxy.py", Self.proxy)
    let outcome = world.run(
      """
      \(Self.start)
      HTTP_PROXY=http://127.0.0.1:$PORT \(pull("http://dhis2.example")) --quiet | wc -l; grep -c 'GET http://dhis2.example/api/dataValueSets' seen
      rm seen; HTTP_PROXY=http://127.0.0.1:$PORT NO_PROXY=127.0.0.1 \(pull("$SRC")) --quiet | wc -l; ls seen 2>/dev/null
      """)
    #expect(outcome.lines == ["3000", "6", "3000"], "\(outcome.errors)")
  }

  @Test("ALL_PROXY is the proxy of any server that has none of its own, NO_PROXY goes before it")
  func allProxy() throws {
    let world = try World(environment: ["MODE": "forward"])
    world.shell.write("proxy.py", Self.proxy)
    let outcome = world.run(
      """
      \(Self.start)
      ask() { env "$@" \(pull("http://dhis2.example")) --quiet --retries 0 --connect-timeout 5 2> /dev/null | wc -l; }
      proxy=http://127.0.0.1:$PORT none=http://127.0.0.1:9
      ask ALL_PROXY=$proxy; ask all_proxy=$proxy ALL_PROXY=$none; ask ALL_PROXY=$none http_proxy=$proxy; ask ALL_PROXY=$proxy http_proxy=
      ask ALL_PROXY=$proxy http_proxy=$none; ask ALL_PROXY=$proxy HTTPS_PROXY=$none
      ALL_PROXY=sock5://user:hushhush@127.0.0.1:1 \(pull("$SRC")) --retries 0 2>&1 | tee said | grep -c hushhush; grep -c "proxy's address is not shown" said
      rm seen; ALL_PROXY=$proxy NO_PROXY=other.example,127.0.0.1 \(pull("$SRC")) --quiet | wc -l; ls seen 2>/dev/null
      """)
    #expect(
      outcome.lines == ["3000", "3000", "3000", "3000", "0", "3000", "0", "1", "3000"],
      "\(outcome.output)\(outcome.errors)")
  }

  @Test("refused values can be sent again from the file that the new rejects will replace, where that is asked for")
  func rejectsInPlace() throws {
    let world = try World()
    let outcome = world.run(
      """
      \(World.pullAll) --quiet | jq -c 'select(.deleted != true) | .orgUnit = "Nonexisten1"' > bad; wc -l < bad > many
      d2-push --url $DST --rejects rejects < bad > /dev/null
      jq -c .value rejects | d2-push --url $DST --rejects rejects --overwrite-rejects > /dev/null; echo $?
      [ "$(wc -l < rejects)" = "$(cat many)" ] && echo all; ls rejects.part 2>/dev/null
      """)
    #expect(outcome.lines == ["1", "all"], "\(outcome.errors)")
  }
}
