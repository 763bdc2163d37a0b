import D2Common
import Glibc

/// A work folder in which a test runs commands: real bash, the built binaries in the PATH, real jq.
final class Shell: Sendable {
  /// The output and the end of a script.
  struct Outcome: Sendable {
    /// The exit status; 128 plus the number of the signal that killed bash.
    let status: Int32
    let output: String
    let errors: String

    var lines: [String] { output.split(separator: "\n").map(String.init) }
    /// The value that the script gave this name: `say NAME VALUE`.
    subscript(name: String) -> String? {
      lines.last { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.utf8.count + 1)) }
    }
    /// The lines of stdout as JSON.
    var documents: [JSONValue] { lines.compactMap { try? JSONValue(parsing: $0) } }
  }

  let folder: String
  private let environment: [String: String]

  /// - Parameter environment: variables in addition to the caller's PATH and the credentials of the stand-ins'
  ///   superuser.
  init(_ environment: [String: String] = [:]) {
    var template = Array("/tmp/d2-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("no work folder: \(SystemError())") }
    folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    let path = Self.binaries + ":" + (processEnvironment()["PATH"] ?? "/usr/bin:/bin")
    self.environment = ["PATH": path, "D2_USERNAME": "admin", "D2_PASSWORD": "district", "LANG": "C.UTF-8"]
      .merging(environment) { $1 }
  }

  deinit { _ = Self.spawn(["/bin/rm", "-rf", folder], [:], output: "/dev/null", errors: "/dev/null") }

  /// The folder of the tested binaries: beside the test bundle, or from `D2_BINARIES`.
  private static let binaries: String = {
    if let named = processEnvironment()["D2_BINARIES"] { return named }
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    let path = String(decoding: buffer[..<max(length, 0)].map(UInt8.init(bitPattern:)), as: UTF8.self)
    return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }()

  /// The words that every script may use.
  private static let words = #"""
    umask 022
    # Gives the outcome a value by name.
    say() { echo "$1=${*:2}"; }
    # Waits until a condition holds, for a minute at most.
    await() { local n; for ((n = 0; n < 1200; n++)); do eval "$1" && return 0; sleep 0.05; done; echo "in vain: $1" >&2; return 1; }
    # How many imports a server has had.
    imports() { curl -sf "$1/control/stats" | jq '.importSizes | length'; }
    # Whether the faults of a server have all happened.
    happened() { [ "$(curl -sf "$1/control/faults")" = "[]" ]; }
    # Changes the store, as time or an administrator would.
    sql() { if [[ $D2_STORE == postgres* ]]; then psql -X -q "$D2_STORE" -c "$1"; else sqlite3 "$D2_STORE" "$1"; fi; }
    export -f say await imports happened sql

    """#

  /// Runs a script with `pipefail` and `PIPESTATUS` as in a user's shell, and with the `words`.
  func run(_ script: String, _ more: [String: String] = [:]) -> Outcome {
    let number = Self.counter.next()
    let output = "\(folder)/.stdout-\(number)"
    let errors = "\(folder)/.stderr-\(number)"
    let status = Self.spawn(
      ["/bin/bash", "-o", "pipefail", "-c", "cd '\(folder)'\n\(Self.words)\(script)"],
      environment.merging(more) { $1 },
      output: output,
      errors: errors)
    return Outcome(status: status, output: Self.text(output), errors: Self.text(errors))
  }

  /// The text of a file in the work folder.
  func file(_ name: String) -> String { Self.text("\(folder)/\(name)") }

  /// The lines of a file in the work folder as JSON.
  func documents(in name: String) throws -> [JSONValue] {
    try file(name).split(separator: "\n").map { try JSONValue(parsing: String($0)) }
  }

  /// How many lines a file in the work folder has.
  func lines(of name: String) -> Int { file(name).utf8.count { $0 == 0x0A } }

  func write(_ name: String, _ text: String) {
    let file = open("\(folder)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      guard count > 0 else { fatalError("cannot write \(name): \(SystemError())") }
      rest = rest.dropFirst(count)
    }
    close(file)
  }

  private static func text(_ path: String) -> String {
    String(decoding: (try? FileBytes.read(path)) ?? [], as: UTF8.self)
  }

  private static func spawn(_ words: [String], _ environment: [String: String], output: String, errors: String) -> Int32
  {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    var arguments = words.map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
      for word in arguments + variables { free(word) }
    }
    // The threads of tests block signals, and a child would inherit that.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var child = pid_t()
    guard posix_spawn(&child, words[0], &actions, &attributes, &arguments, &variables) == 0 else { return -1 }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
  }

  private static let counter = Counter()
}
