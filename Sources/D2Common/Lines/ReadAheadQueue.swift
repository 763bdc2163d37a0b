import Glibc

/// Bytes between a fast source and a slow reader, first in, first out: in memory while they fit there, then in a
/// nameless temporary file, up to a bound.
///
/// One thread puts bytes in and one takes them out. Both call everything here under their own lock. They fill or read a
/// slot or run without it once they have it: no place is given away again before its bytes were removed.
struct ReadAheadQueue: ~Copyable {
  /// Where the bytes lie.
  enum Store {
    case memory(UnsafeMutableRawPointer)
    case file(TemporaryFile)
  }

  /// Room after the last byte.
  struct Slot {
    fileprivate let store: Store
    fileprivate let ring: Ring
    fileprivate let count: Int

    /// Fills the first places of the slot.
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

  /// Bytes that lie together, at the front.
  struct Run {
    fileprivate let store: Store
    private let offset: Int
    let count: Int

    fileprivate init(store: Store, offset: Int, count: Int) {
      self.store = store
      self.offset = offset
      self.count = count
    }

    /// Its first bytes.
    func prefix(_ length: Int) -> Run { Run(store: store, offset: offset, count: length) }

    /// The bytes: where they lie in memory, or in `block` after it was filled.
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

  /// So much stays in memory.
  private static let memoryBytes = 8 << 20

  private let environment: [String: String]
  private var held: Ring
  private var buffer: UnsafeMutableRawPointer?
  private var spilled: Ring
  private var file: TemporaryFile?
  /// Why the disk does not take what the bound allows; `nil` while it does.
  private(set) var diskProblem: String?

  /// - Parameters:
  ///   - bound: how many bytes it holds at most.
  ///   - environment: tells where temporary files go.
  init(bound: Int, memoryBytes: Int? = nil, environment: [String: String]) {
    self.environment = environment
    held = Ring(capacity: min(bound, memoryBytes ?? Self.memoryBytes))
    spilled = Ring(capacity: bound - held.capacity)
  }

  deinit { buffer?.deallocate() }

  var count: Int { held.count + spilled.count }
  var isEmpty: Bool { count == 0 }

  // MARK: Putting in

  /// Room for that many bytes after those that are there; `nil` if there is not enough yet.
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

  /// Makes the file, or gives the disk back what it held.
  private mutating func beginFile() {
    if let file {
      if spilled.begin > 0 { file.empty() }
      spilled = Ring(capacity: spilled.capacity)
      return
    }
    do {
      let file = try TemporaryFile(environment: environment)
      self.file = file
      // Others need the disk too; if the folder lies in memory, the whole machine does.
      let room = file.freeBytes / 2
      guard room < spilled.capacity else { return }
      spilled = Ring(capacity: room)
      diskProblem =
        "half of the room that is left in \(TemporaryFile.folder(environment)), \(SizeText.shown(bytes: room)), is read ahead"
    } catch {
      closeFile("\(error)")
    }
  }

  /// A slot was filled.
  mutating func added(_ slot: Slot) {
    if case .memory = slot.store { held.count += slot.count } else { spilled.count += slot.count }
  }

  /// Puts nothing more into the file. What is there can be taken out.
  mutating func closeFile(_ problem: String) {
    spilled.close()
    diskProblem = problem
  }

  // MARK: Taking out

  /// The first bytes, as far as they lie together; `nil` if none are there.
  func front(atMost limit: Int) -> Run? {
    guard !isEmpty else { return nil }
    let isHeld = held.count > 0
    let ring = isHeld ? held : spilled
    let places = ring.places(0, atMost: min(limit, ring.count))
    return Run(store: isHeld ? .memory(buffer!) : .file(file!), offset: places.lowerBound, count: places.count)
  }

  /// The bytes of the front run, or its first ones, were taken out.
  mutating func removed(_ run: Run) {
    if case .memory = run.store { held.removeFirst(run.count) } else { spilled.removeFirst(run.count) }
  }

  mutating func removeAll() {
    held.removeFirst(held.count)
    spilled.removeFirst(spilled.count)
  }
}

/// Which places of a ring are in use.
private struct Ring {
  let capacity: Int
  private(set) var begin = 0
  var count = 0
  /// Whether no more may be added.
  private(set) var isClosed = false

  init(capacity: Int) { self.capacity = capacity }

  var room: Int { isClosed ? 0 : capacity - count }
  var isUsable: Bool { capacity > 0 && !isClosed }

  mutating func close() { isClosed = true }

  /// Places that lie together, `distance` after the first byte.
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
