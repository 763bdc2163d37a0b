import D2Common

/// The refused values, as NDJSON: each with its reason and its line in the input. The value itself is verbatim, so `jq
/// -c .value` returns it ready to be sent again.
final class RejectsFile {
  private let target: RejectsTarget
  private var pending: [UInt8] = []
  private var pendingLines = 0
  /// The failure to write, if there was one; it tries once more at the end.
  private(set) var failure: CommandFailure?
  /// Lines that could not be written.
  private(set) var lost = 0
  /// Where the rejects are.
  private(set) var place: String

  private static let pendingBytes = 256 * 1024
  /// If lines cannot be written, they stay in memory up to this many bytes. With a full disk, that covers the current
  /// batches only.
  private static let mostPendingBytes = 64 << 20

  /// Creates a file that only its owner can read. It is renamed to its final name at the end of the run.
  ///
  /// - Throws: `CommandFailure`, 73, before anything was sent.
  init(path: String, _ policy: RejectsPolicy = .refuse) throws(CommandFailure) {
    target = try RejectsTarget(path, policy)
    place = path
  }

  /// Adds a value that the server refused, or that was not sent.
  ///
  /// - Parameter line: its line in the input; `nil` for the deletion of a value that only the destination has.
  func add(value: some Collection<UInt8>, line: Int?, _ refusal: Refusal) {
    pending += #"{"value":"#.utf8
    pending += value
    end(line, refusal)
  }

  /// Adds a line that is not a value, as a text.
  func add(text: String, line: Int, _ refusal: Refusal) {
    pending += #"{"text":"#.utf8
    JSONValue.writeString(text, to: &pending)
    end(line, refusal)
  }

  private func end(_ line: Int?, _ refusal: Refusal) {
    pending += (line.map { ",\"line\":\($0)" } ?? ",\"stale\":true").utf8
    if let code = refusal.code {
      pending += ",\"errorCode\":".utf8
      JSONValue.writeString(code, to: &pending)
    }
    pending += ",\"message\":".utf8
    JSONValue.writeString(refusal.message, to: &pending)
    if let advice = refusal.advice {
      pending += ",\"hint\":".utf8
      JSONValue.writeString(advice, to: &pending)
    }
    if let status = refusal.httpStatus { pending += ",\"httpStatus\":\(status)".utf8 }
    pending += "}\n".utf8
    pendingLines += 1
    if failure == nil, pending.count >= Self.pendingBytes { write() }
    if pending.count > Self.mostPendingBytes { drop() }
  }

  private func drop() {
    lost += pendingLines
    pendingLines = 0
    pending = []
  }

  private func write() {
    do throws(CommandFailure) { try target.write(pending) } catch {
      failure = failure ?? error
      place = target.part
      return
    }
    pendingLines = 0
    pending.removeAll(keepingCapacity: true)
  }

  /// Writes what is pending. - Throws: `CommandFailure`, 73.
  func flush() throws(CommandFailure) {
    if failure == nil { write() }
    if let failure { throw failure }
  }

  /// Puts the file in place, or reports where the rejects are.
  ///
  /// - Parameter isWhole: whether all of the input was read and answered for.
  /// - Throws: `CommandFailure`, 73.
  func finish(isWhole: Bool) throws(CommandFailure) {
    // There may be space on the disk again.
    write()
    if pendingLines > 0 { drop() }
    if lost > 0, let failure {
      throw CommandFailure(.cannotWrite, "\(failure.message); what was written before is in \(target.part)")
    }
    do throws(CommandFailure) { place = try target.finish(isWhole: isWhole) } catch {
      place = target.part
      throw error
    }
  }
}
