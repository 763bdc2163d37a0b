/// Makes batches of the lines of the input.
protocol BatchMaker {
  /// How many values are in the batches that were made so far.
  var made: Int { get }
  /// How many pieces of input wait.
  var waitingPieces: Int { get }
  mutating func add(_ piece: LocatedLines)
  /// No more input comes.
  mutating func end()
  /// The next batch; `nil` where more input is needed, or there is none.
  mutating func next() -> Batch?
  /// What was read and was not handed out.
  mutating func rest() -> [Batch]
}
