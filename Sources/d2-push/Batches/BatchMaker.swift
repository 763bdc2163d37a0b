/// Makes batches of the lines of the input.
protocol BatchMaker {
  /// How many values are in the batches that were made so far.
  var made: Int { get }
  /// How many pieces of input wait.
  var waitingPieces: Int { get }
  /// Whether it is of use to it to get more input before it has handed out what it has.
  var looksAhead: Bool { get }
  mutating func add(_ piece: LocatedLines)
  /// How long it pays to wait for more input before the next batch is made.
  var patienceSeconds: Double { get }
  /// No more input comes.
  mutating func end()
  /// The next batch; `nil` if more input is needed, or no value is left.
  mutating func next() -> Batch?
  /// What was read and was not handed out.
  mutating func rest() -> [Batch]
}
