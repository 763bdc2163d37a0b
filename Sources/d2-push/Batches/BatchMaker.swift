/// Makes batches from the lines of the input.
protocol BatchMaker {
  /// How many values the batches made so far hold.
  var made: Int { get }
  /// How many pieces of input wait.
  var waitingPieces: Int { get }
  /// Whether more input is useful before it has handed out all batches.
  var looksAhead: Bool { get }
  mutating func add(_ piece: LocatedLines)
  /// How many seconds to wait for more input before it makes the next batch.
  var patienceSeconds: Double { get }
  /// Tells it that the input has ended.
  mutating func end()
  /// The next batch; `nil` if it needs more input, or no value is left.
  mutating func next() -> Batch?
  /// All values that it has not handed out yet, in batches.
  mutating func rest() -> [Batch]
}
