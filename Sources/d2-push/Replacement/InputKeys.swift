import D2Common
import D2Store
import Glibc

/// The keys of all that was in the input, and what it says of its own end. The loop of a run fills it.
///
/// Two keys may share a hash: then a value that the input lacks stays where it is, and nothing else happens.
final class InputKeys: @unchecked Sendable {
  // Filled by one loop, then read.

  let hashes: PartitionedRecords<UInt64>
  /// What the pulls in the input say that they brought.
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

  /// - Throws: `CommandFailure`, 73 where a temporary file cannot be written.
  func note(_ piece: LocatedLines) throws {
    for line in piece.lines { try hashes.append(line.key, to: Self.partition(of: line.key)) }
    for key in piece.keysNotSent { try hashes.append(key, to: Self.partition(of: key)) }
    ends += piece.ends
    registrations += piece.registrations.count
  }

  /// Keys of the registrations that came with the values of this input; the ends are the same.
  func ofRegistrations() -> InputKeys {
    let keys = InputKeys(environment: environment)
    keys.ends = ends
    keys.isWholeFile = isWholeFile
    return keys
  }
}
