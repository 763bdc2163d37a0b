import D2Common

/// Sorts the input, which comes in any order, into requests. It holds a window of the input, sorts it, and hands out
/// all of it before it fills the next window.
///
/// Two values of one key (data element, period, unit, option combos) never share a request, because a server would lose
/// one of them. The value that comes later in the input is handed out later, even if it names another data set.
struct RequestGrouper: BatchMaker {
  /// How many bytes of the input are sorted at once. If the input is not sorted, larger windows make fewer requests,
  /// but need more memory.
  static let windowBytes = 24 << 20
  /// Bytes of a request in addition to its values.
  private static let slackBytes = 64

  /// The values of one key in the window, in the order of the input.
  private struct Group {
    let key: RequestKey
    var values: [(piece: Int32, line: Int32)] = []
    var bytes = 0
    /// How many values were handed out.
    var used = 0
  }

  private let mostValues: Int
  private let mostBytes: Int
  private let mostWindowBytes: Int
  private let header = Array(#"{"dataValues":["#.utf8)

  /// Pieces of the input, and how many lines of the first one are in the window already.
  private var waiting: [LocatedLines] = []
  private var used = 0
  private var ended = false

  private var window: [LocatedLines] = []
  private var bytes = 0
  private var groups: [Group] = []
  private var places: [RequestKey: Int] = [:]
  /// The group of each value's key.
  private var owners: [UInt64: Int32] = [:]
  private var isHandingOut = false
  private var nextGroup = 0
  private var nextNumber = 1
  private(set) var made = 0

  /// - Parameters:
  ///   - mostValues: the limit for one request.
  ///   - mostBytes: the limit for one request; a single value may be larger.
  init(mostValues: Int, mostBytes: Int, windowBytes: Int = RequestGrouper.windowBytes) {
    self.mostValues = mostValues
    self.mostBytes = mostBytes
    mostWindowBytes = windowBytes
  }

  var waitingPieces: Int { waiting.count }
  let looksAhead = false
  let patienceSeconds = 0.0

  /// - Parameter piece: it must already contain the requests of its lines.
  mutating func add(_ piece: LocatedLines) { waiting.append(piece) }

  mutating func end() { ended = true }

  mutating func next() -> Batch? {
    while true {
      if !isHandingOut { fill() }
      guard isHandingOut else { return nil }
      while nextGroup < groups.count {
        if groups[nextGroup].used < groups[nextGroup].values.count { return request(of: nextGroup) }
        groups[nextGroup].values = []
        nextGroup += 1
      }
      clear()
      if waiting.isEmpty { return nil }
    }
  }

  mutating func rest() -> [Batch] {
    ended = true
    var batches: [Batch] = []
    while let batch = next() { batches.append(batch) }
    return batches
  }

  // MARK: The window

  private mutating func fill() {
    while !isHandingOut, let piece = waiting.first {
      used = take(piece, from: used)
      guard used == piece.lines.count else { return }
      waiting.removeFirst()
      used = 0
    }
    if ended, !groups.isEmpty { isHandingOut = true }
  }

  /// Adds lines to the window. It stops when the window is full, or at a line that must come after the whole window.
  /// Returns the index of the next line.
  private mutating func take(_ piece: LocatedLines, from first: Int) -> Int {
    guard first < piece.lines.count else { return piece.lines.count }
    let place = Int32(window.count)
    window.append(piece)
    var known = [Int](repeating: -1, count: piece.requests.count)
    var index = first
    while index < piece.lines.count {
      defer { index += 1 }
      let line = piece.lines[index]
      let key = Int(line.dataSet)
      if known[key] < 0 { known[key] = group(for: piece.requests[key]) }
      let owner = Int32(known[key])
      if let other = owners.updateValue(owner, forKey: line.key), other != owner {
        // Another data set's group has the same key. The last value of the input must also be sent last.
        isHandingOut = true
        return index
      }
      groups[known[key]].values.append((place, Int32(index)))
      groups[known[key]].bytes += Int(line.length) + 1
      bytes += Int(line.length) + 1
      if bytes >= mostWindowBytes {
        isHandingOut = true
        return index + 1
      }
    }
    return index
  }

  private mutating func group(for key: RequestKey) -> Int {
    if let place = places[key] { return place }
    groups.append(Group(key: key))
    places[key] = groups.count - 1
    return groups.count - 1
  }

  private mutating func clear() {
    window = []
    groups = []
    places = [:]
    owners = [:]
    bytes = 0
    nextGroup = 0
    isHandingOut = false
  }

  // MARK: Requests

  /// A request with as many values of a group as it may hold.
  private mutating func request(of place: Int) -> Batch {
    let group = groups[place]
    var batch = Batch(
      number: nextNumber, dataSet: group.key.dataSet, isDoubtful: false, header: header,
      keepsBlocks: false, capacity: min(group.bytes, mostBytes) + Self.slackBytes, expected: 32)
    nextNumber += 1
    var next = group.used
    while next < group.values.count, batch.values.count < mostValues {
      let value = group.values[next]
      let piece = window[Int(value.piece)]
      let line = piece.lines[Int(value.line)]
      if batch.values.count > 0, batch.bytes + Int(line.length) >= mostBytes { break }
      // A key that the request already has begins the next request, so that the last value wins.
      guard batch.add(piece, from: Int(value.line), size: batch.values.count + 1, bytes: .max) > Int(value.line) else {
        break
      }
      groups[place].bytes -= Int(line.length) + 1
      next += 1
    }
    groups[place].used = next
    batch.seal()
    made += batch.values.count
    return batch
  }
}
