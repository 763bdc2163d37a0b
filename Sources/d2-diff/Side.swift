import D2Client
import D2Common
import D2Hash
import D2Store
import Glibc
import Synchronization

/// One of the two sides: reads its lines once, keeps a record of each, and can read single lines again.
final class Side: @unchecked Sendable {
  // One thread fills it; later it is only read.

  /// How to compare lines, and what to keep.
  struct Settings: Sendable {
    /// Whether values with the same number are equal: 1, 1.0 and 01.
    var isNumeric = false
    /// Category option combos that equal a missing one.
    var defaultCombos: [String] = []
    /// The ancestor of each organisation unit for the summary; `nil` without a summary.
    var ancestors: [String: String]?
    /// For the source of a pair: the values that the destination does not keep.
    var destination: DestinationKeeping?
    /// Whether lines are needed again.
    var keepsLines = true
    var memoryBytes = 16 << 20
    var environment: [String: String] = [:]
  }

  /// The name for messages.
  let name: String
  let records: PartitionedRecords<SideRecord>
  private(set) var groups = GroupTable()
  /// The end of the places of lines.
  private(set) var placeEnd = 0
  /// Whether the input was read from its first byte.
  private(set) var isFromStart = true
  /// The kind of its lines: registrations if there is at least one.
  private(set) var kind = DataKind.dataValues
  private let settings: Settings
  private let read = Atomic<Int>(0)
  private var lines = Lines.none

  /// The source for reading lines again.
  private enum Lines {
    case none
    case file(Int32)
    case spool(TemporaryFile)
  }

  static let partitions = 256

  init(name: String, _ settings: Settings) {
    self.name = name
    self.settings = settings
    records = PartitionedRecords(
      partitions: Self.partitions, memoryBytes: settings.memoryBytes, environment: settings.environment)
  }

  deinit { if case .file(let descriptor) = lines { close(descriptor) } }

  /// The number of lines read so far; other threads may ask while it reads.
  var linesRead: Int { read.load(ordering: .relaxed) }

  /// Whether the lines come from a file, which can be read again, and not from a pipe.
  var isFile: Bool { if case .file = lines { true } else { false } }

  // MARK: Reading

  /// Opens a file, a FIFO, or standard input for `-`. It waits for the writer of a FIFO, unless the other side fails.
  ///
  /// - Throws: `CommandFailure`, 74, or the signal's status.
  static func open(_ path: String, stop: StopSign) throws(CommandFailure) -> Int32 {
    let descriptor = path == "-" ? dup(0) : Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw CommandFailure(.cannotRead, "cannot read \(path): \(SystemError())") }
    guard path != "-" else { return descriptor }
    var status = stat()
    if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFIFO {
      // Before the first writer, a FIFO has neither data nor an end.
      var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      while poll(&polled, 1, 200) <= 0, !stop.isSet { try Signals.check() }
    }
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
    return descriptor
  }

  static func isRegularFile(_ descriptor: Int32) -> Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// Reads all lines. The descriptor of a regular file must stay open as long as lines may be read again.
  ///
  /// - Throws: `CommandFailure`: 65 with the line's number if a line is not a data value, 73 or 74 for files.
  func readAll(_ descriptor: Int32, _ hashKey: ValueHasher.Key, stop: StopSign) throws {
    let start = lseek(descriptor, 0, Int32(SEEK_CUR))
    isFromStart = start <= 0
    var spool: SpoolWriter?
    if Self.isRegularFile(descriptor), start >= 0 {
      lines = .file(dup(descriptor))
    } else if settings.keepsLines {
      let file = try TemporaryFile(environment: settings.environment)
      lines = .spool(file)
      spool = SpoolWriter(file)
    }
    var reader = LineReader(descriptor: descriptor, stop: stop)
    let scratch = DataValueLine.Scratch()
    var maker = RecordMaker(settings, hashKey)
    while let text = try reader.next() {
      if reader.number & 0xFFF == 0 { read.store(reader.number, ordering: .relaxed) }
      if text.isBlank { continue }
      var place = LinePlace(offset: UInt64(max(0, Int(start)) + reader.offset), length: UInt32(text.bytes.count))
      do {
        let line = try DataValueLine(text, scratch)
        if spool != nil { place.offset = UInt64(try spool!.append(text.bytes)) }
        if case .registrations = line.dataKind { kind = .registrations }
        let record = try maker.record(line, place, &groups)
        try records.append(record, to: Int(record.key.high >> 56))
      } catch let fault as DataValueLine.Fault {
        if EndLine(text.bytes) != nil { continue }
        throw CommandFailure(.malformedInput, "\(name), line \(reader.number): \(fault)")
      }
      placeEnd = Int(place.offset) + 1
    }
    try spool?.flush()
    read.store(reader.number, ordering: .relaxed)
  }

  // MARK: Lines again

  /// Fills a buffer with the bytes from `offset` on. Returns how many there are.
  ///
  /// - Throws: `CommandFailure`, 74.
  func bytes(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(CommandFailure) -> Int {
    switch lines {
    case .none: return 0
    case .spool(let file): return try file.read(at: offset, into: buffer)
    case .file(let descriptor):
      do { return try FileBytes.read(descriptor, at: offset, into: buffer) } catch {
        throw CommandFailure(.cannotRead, "cannot read \(name) again: \(error)")
      }
    }
  }
}

/// Buffers lines for a temporary file.
private struct SpoolWriter {
  private let file: TemporaryFile
  private var gathered: [UInt8] = []
  private var flushed = 0
  private static let gatheredBytes = 256 * 1024

  init(_ file: TemporaryFile) {
    self.file = file
    gathered.reserveCapacity(Self.gatheredBytes + 4096)
  }

  /// Appends a line, and returns its offset.
  mutating func append(_ line: UnsafeRawBufferPointer) throws -> Int {
    let offset = flushed + gathered.count
    gathered.append(contentsOf: line)
    if gathered.count >= Self.gatheredBytes { try flush() }
    return offset
  }

  mutating func flush() throws {
    try gathered.withUnsafeBytes { try file.append($0) }
    flushed += gathered.count
    gathered.removeAll(keepingCapacity: true)
  }
}
