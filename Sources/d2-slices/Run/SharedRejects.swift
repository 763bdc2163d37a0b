import D2Common
import D2Store
import Glibc

/// Divides the rejects of a pipeline that moved several slices among the files of the slices.
struct SharedRejects {
  /// The files of the slices, in their order.
  let files: [SliceRejects]
  /// The file that the pipeline writes: `$D2_REJECTS`.
  let attempt: String

  /// Matches the period of a value, which comes first in its line, verbatim.
  private static let period = LinePattern(textOf: "period")
  private static let pendingBytes = 64 * 1024

  /// Uses the slice's own file for one slice, or a common file for several.
  init(_ slices: [Slice], folder: String, token: String) {
    files = slices.map { SliceRejects(folder: folder, id: $0.id, token: token) }
    attempt = files.count == 1 ? files[0].attempt : "\(folder)/slice-\(slices[0].id).\(token).all.ndjson"
  }

  /// Writes each line to the file of the slice with its period.
  ///
  /// - Returns: false if a line's slice is unclear; then no files are left.
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

  /// Deletes the rejects of the pipeline, because its slices are retried.
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
