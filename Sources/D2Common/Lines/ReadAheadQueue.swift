import Glibc

/// A FIFO queue of bytes between a fast source and a slow reader. Bytes stay in memory while they fit there, then go to
/// a nameless temporary file, up to a bound.
///
/// One thread adds bytes and one removes them. Both call everything here under their own lock. But once they have a
/// slot or a run, they fill or read it without the lock: a place is not reused before its bytes were removed.
struct ReadAheadQueue: ~Copyable {
  /// The place of the bytes.
  enum Store {
    case memory(UnsafeMutableRawPointer)
    case file(TemporaryFile)
  }

  /// Space after the last byte.
  struct Slot {
    fileprivate let store: Store
    fileprivate let ring: Ring
    fileprivate let count: Int

    /// Fills the beginning of the slot.
    ///
    /// - Throws: `CommandFailure`, 73 if the disk is full.
    func put(_ pieces: OutputPieces) throws(CommandFailure) {
      var behind = ring.count
      try pieces.forEach { (piece) throws(CommandFailure) in
        var rest = piece[...]
        while !rest.isEmpty {
          let places = ring.places(behind, atMost: rest.count)
          let part = UnsafeRawBufferPointer(rebasing: rest.prefix(places.count))
          switch store {
          case .memory(let buffer): memcpy(buffer + places.lowerBound, part.baseAddress!, part.count)
          case .file(let file): try file.write(part, at: places.lowerBound)
          }
          behind += places.count
          rest = rest.dropFirst(places.count)
        }
      }
    }
  }

  /// Contiguous bytes at the front.
  struct Run {
    fileprivate let store: Store
    private let offset: Int
    let count: Int

    fileprivate init(store: Store, offset: Int, count: Int) {
      self.store = store
      self.offset = offset
      self.count = count
    }

    /// The beginning of the run.
    func prefix(_ length: Int) -> Run { Run(store: store, offset: offset, count: length) }

    /// The bytes: in place in memory, or in `block` after this has filled it.
    ///
    /// - Throws: `CommandFailure`, 74.
    func load(_ block: UnsafeMutableRawBufferPointer) throws(CommandFailure) -> UnsafeRawBufferPointer {
      switch store {
      case .memory(let buffer): return UnsafeRawBufferPointer(start: buffer + offset, count: count)
      case .file(let file):
        let part = UnsafeMutableRawBufferPointer(rebasing: block[..<count])
        guard try file.read(at: offset, into: part) == count else {
          throw CommandFailure(.cannotRead, "a temporary file is shorter than what was written")
        }
        return UnsafeRawBufferPointer(part)
      }
    }
  }

  /// How many bytes stay in memory.
  private static let memoryBytes = 8 << 20

  private let environment: [String: String]
  private var held: Ring
  private var buffer: UnsafeMutableRawPointer?
  private var spilled: Ring
  private var file: TemporaryFile?
  /// Why the disk holds less than the bound allows; `nil` if it does not.
  private(set) var diskProblem: String?

  /// - Parameters:
  ///   - bound: the most bytes that it holds.
  ///   - environment: the environment, for the folder of temporary files.
  init(bound: Int, memoryBytes: Int? = nil, environment: [String: String]) {
    self.environment = environment
    held = Ring(capacity: min(bound, memoryBytes ?? Self.memoryBytes))
    spilled = Ring(capacity: bound - held.capacity)
  }

  deinit { buffer?.deallocate() }

  var count: Int { held.count + spilled.count }
  var isEmpty: Bool { count == 0 }

  // MARK: Putting in

  /// Space for this many bytes at the end; `nil` if there is not enough yet.
  mutating func slot(for count: Int) -> Slot? {
    if spilled.count == 0 {
      if held.room >= count {
        let buffer = buffer ?? .allocate(byteCount: held.capacity, alignment: 64)
        self.buffer = buffer
        return Slot(store: .memory(buffer), ring: held, count: count)
      }
      if spilled.isUsable { beginFile() }
    }
    guard spilled.room >= count, let file else { return nil }
    return Slot(store: .file(file), ring: spilled, count: count)
  }

  /// Creates the file, or frees the space of its old content.
  private mutating func beginFile() {
    if let file {
      if spilled.begin > 0 { file.empty() }
      spilled = Ring(capacity: spilled.capacity)
      return
    }
    do {
      let file = try TemporaryFile(environment: environment)
      self.file = file
      // Others need the disk too. If the folder is in memory, the whole machine needs that.
      let room = file.freeBytes / 2
      guard room < spilled.capacity else { return }
      spilled = Ring(capacity: room)
      diskProblem =
        "half of the room that is left in \(TemporaryFile.folder(environment)), \(SizeText.shown(bytes: room)), is read ahead"
    } catch {
      closeFile("\(error)")
    }
  }

  /// Adds the bytes of a filled slot.
  mutating func added(_ slot: Slot) {
    if case .memory = slot.store { held.count += slot.count } else { spilled.count += slot.count }
  }

  /// Stops writing to the file. Its content can still be read.
  mutating func closeFile(_ problem: String) {
    spilled.close()
    diskProblem = problem
  }

  // MARK: Taking out

  /// The first bytes, as far as they are contiguous; `nil` if the queue is empty.
  func front(atMost limit: Int) -> Run? {
    guard !isEmpty else { return nil }
    let isHeld = held.count > 0
    let ring = isHeld ? held : spilled
    let places = ring.places(0, atMost: min(limit, ring.count))
    return Run(store: isHeld ? .memory(buffer!) : .file(file!), offset: places.lowerBound, count: places.count)
  }

  /// Removes the bytes of the front run, or of its beginning.
  mutating func removed(_ run: Run) {
    if case .memory = run.store { held.removeFirst(run.count) } else { spilled.removeFirst(run.count) }
  }

  mutating func removeAll() {
    held.removeFirst(held.count)
    spilled.removeFirst(spilled.count)
  }
}

/// The used places of a ring.
private struct Ring {
  let capacity: Int
  private(set) var begin = 0
  var count = 0
  /// Whether nothing more may be added.
  private(set) var isClosed = false

  init(capacity: Int) { self.capacity = capacity }

  var room: Int { isClosed ? 0 : capacity - count }
  var isUsable: Bool { capacity > 0 && !isClosed }

  mutating func close() { isClosed = true }

  /// Contiguous places, `distance` after the first byte.
  func places(_ distance: Int, atMost limit: Int) -> Range<Int> {
    let offset = (begin + distance) % capacity
    return offset..<offset + min(limit, capacity - offset)
  }

  mutating func removeFirst(_ length: Int) {
    guard length > 0 else { return }
    begin = (begin + length) % capacity
    count -= length
  }
}
