import D2Common
import D2Store
import Glibc

/// The refused values of a pipeline that moved several slices, dealt out to the files of each.
struct SharedRejects {
  /// Of the slices, in their order.
  let files: [SliceRejects]
  /// Where the pipeline writes: `$D2_REJECTS`.
  let attempt: String

  /// The value stands first in its line, as it came.
  private static let period = LinePattern(textOf: "period")
  private static let pendingBytes = 64 * 1024

  /// One slice's own file, or one for all.
  init(_ slices: [Slice], folder: String, token: String) {
    files = slices.map { SliceRejects(folder: folder, id: $0.id, token: token) }
    attempt = files.count == 1 ? files[0].attempt : "\(folder)/slice-\(slices[0].id).\(token).all.ndjson"
  }

  /// Writes each line into the file of the slice that has its period.
  ///
  /// - Returns: false if a line does not tell; then nothing is left.
  /// - Throws: `CommandFailure`: 73, 74.
  func deal(_ slices: [Slice]) throws(CommandFailure) -> Bool {
    guard files.count > 1, let source = [attempt, attempt + ".part"].first(where: SliceRejects.hasContent) else {
      return true
    }
    let input = open(source, O_RDONLY | O_CLOEXEC)
    guard input >= 0 else { throw CommandFailure(.cannotRead, "cannot read \(source): \(SystemError())") }
    defer { close(input) }
    let places = RunReading.places(of: slices) ?? [:]
    var pending = [[UInt8]](repeating: [], count: files.count)
    var reader = LineReader(descriptor: input)
    while let line = try reader.next() {
      let period = Self.period.text(in: line.bytes).map { String(decoding: $0, as: UTF8.self) }
      guard let place = period.flatMap({ places[$0] }) else {
        discard()
        return false
      }
      pending[place] += line.bytes
      pending[place].append(UInt8(ascii: "\n"))
      if pending[place].count > Self.pendingBytes { try flush(&pending[place], to: files[place].attempt) }
    }
    for place in files.indices { try flush(&pending[place], to: files[place].attempt) }
    for path in [attempt, attempt + ".part"] { unlink(path) }
    return true
  }

  /// Forgets what the pipeline refused: its slices are retried.
  func discard() {
    for path in files.map(\.attempt) + [attempt, attempt + ".part"] { unlink(path) }
  }

  private func flush(_ bytes: inout [UInt8], to path: String) throws(CommandFailure) {
    guard !bytes.isEmpty else { return }
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw CommandFailure(.cannotWrite, "cannot write \(path): \(SystemError())") }
    defer { close(file) }
    do { try bytes.withUnsafeBytes { try FileBytes.write($0, to: file) } } catch {
      throw CommandFailure(.cannotWrite, "cannot write \(path): \(error)")
    }
    bytes.removeAll(keepingCapacity: true)
  }
}
