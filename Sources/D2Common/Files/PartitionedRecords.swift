/// Records of one size, distributed to partitions, each in the order of arrival. Up to a limit they stay in memory, and
/// beyond it in a temporary file.
///
/// One thread fills it; later several threads read it.
public final class PartitionedRecords<Record: BitwiseCopyable>: @unchecked Sendable {
  /// A full chunk of a partition's records.
  private enum Chunk {
    case memory([Record])
    case file(offset: Int, count: Int)
  }

  private struct Partition {
    var chunks: [Chunk] = []
    var open: [Record] = []
    var count = 0
  }

  private var partitions: [Partition]
  private let chunkRecords: Int
  private let memoryBytes: Int
  private let environment: [String: String]
  private var heldBytes = 0
  private var file: TemporaryFile?
  private var fileBytes = 0
  /// How many records it has.
  public private(set) var count = 0

  /// - Parameters:
  ///   - memoryBytes: the limit of full chunks in memory, before they go to the file.
  ///   - bufferBytes: the size of the open chunks of all partitions together.
  public init(partitions: Int, memoryBytes: Int, bufferBytes: Int = 4 << 20, environment: [String: String]) {
    self.partitions = Array(repeating: Partition(), count: partitions)
    chunkRecords = max(16, bufferBytes / partitions / MemoryLayout<Record>.stride)
    self.memoryBytes = memoryBytes
    self.environment = environment
  }

  /// How many records a partition has.
  public func count(_ partition: Int) -> Int { partitions[partition].count }

  /// - Throws: `CommandFailure`, 73 if the temporary file cannot be written.
  @inline(__always)
  public func append(_ record: Record, to partition: Int) throws {
    partitions[partition].open.append(record)
    partitions[partition].count += 1
    count += 1
    if partitions[partition].open.count == chunkRecords { try close(partition) }
  }

  @inline(never)
  private func close(_ partition: Int) throws {
    let bytes = chunkRecords * MemoryLayout<Record>.stride
    if heldBytes + bytes <= memoryBytes {
      heldBytes += bytes
      partitions[partition].chunks.append(.memory(partitions[partition].open))
      partitions[partition].open = []
    } else {
      let file = try file ?? TemporaryFile(environment: environment)
      self.file = file
      try partitions[partition].open.withUnsafeBytes { try file.append($0) }
      partitions[partition].chunks.append(.file(offset: fileBytes, count: chunkRecords))
      fileBytes += bytes
      partitions[partition].open.removeAll(keepingCapacity: true)
    }
    if partitions[partition].open.capacity < chunkRecords { partitions[partition].open.reserveCapacity(chunkRecords) }
  }

  /// Passes a partition's records to `body`, in the order of arrival.
  ///
  /// - Throws: errors of `body`; `CommandFailure`, 74 if the temporary file cannot be read.
  public func forEach(in partition: Int, _ body: (Record) throws -> Void) throws {
    for chunk in partitions[partition].chunks {
      switch chunk {
      case .memory(let records): for record in records { try body(record) }
      case .file(let offset, let count):
        let records = try [Record](unsafeUninitializedCapacity: count) { buffer, filled in
          let bytes = UnsafeMutableRawBufferPointer(buffer)
          let whole = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(count * MemoryLayout<Record>.stride)])
          guard try file!.read(at: offset, into: whole) == whole.count else {
            throw CommandFailure(.cannotRead, "a temporary file is shorter than what was written")
          }
          filled = count
        }
        for record in records { try body(record) }
      }
    }
    for record in partitions[partition].open { try body(record) }
  }
}
