import D2Common
import D2Store
import Glibc

/// The keys of all input lines, and the end lines of the input. The loop of a run fills it.
///
/// If two keys share a hash, a value that the input lacks may stay at the destination. Nothing else happens.
final class InputKeys: @unchecked Sendable {
  // One loop fills it; later it is only read.

  let hashes: PartitionedRecords<UInt64>
  /// The end lines of the pulls in the input.
  private(set) var ends: [EndLine] = []
  /// How many registrations came with values.
  private(set) var registrations = 0
  /// Whether the input is a file that is read from its first byte.
  private(set) var isWholeFile: Bool

  private let environment: [String: String]

  static let partitions = 256
  static let memoryBytes = 8 << 20
  private static let bufferBytes = 1 << 20

  init(environment: [String: String], descriptor: Int32 = 0) {
    self.environment = environment
    hashes = PartitionedRecords(
      partitions: Self.partitions, memoryBytes: Self.memoryBytes, bufferBytes: Self.bufferBytes,
      environment: environment)
    var status = stat()
    isWholeFile =
      fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      && lseek(descriptor, 0, Int32(SEEK_CUR)) == 0
  }

  static func partition(of hash: UInt64) -> Int { Int(hash >> 56) }

  /// - Throws: `CommandFailure`, 73 if a temporary file cannot be written.
  func note(_ piece: LocatedLines) throws {
    for line in piece.lines { try hashes.append(line.key, to: Self.partition(of: line.key)) }
    for key in piece.keysNotSent { try hashes.append(key, to: Self.partition(of: key)) }
    ends += piece.ends
    registrations += piece.registrations.count
  }

  /// An empty collection for the registrations of this input, with the same end lines.
  func ofRegistrations() -> InputKeys {
    let keys = InputKeys(environment: environment)
    keys.ends = ends
    keys.isWholeFile = isWholeFile
    return keys
  }
}
