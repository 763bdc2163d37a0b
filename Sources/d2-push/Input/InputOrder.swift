import D2Common

/// Restores the order of input blocks that several tasks locate.
struct InputOrder {
  private var begun = 0
  private var delivered = 0
  private var located: [Int: LocatedLines] = [:]
  /// How many lines the delivered blocks have.
  private(set) var lines = 0
  /// Whether reading has ended.
  private(set) var hasEnded = false
  /// The failure that ended the input early.
  private(set) var failure: CommandFailure?

  /// Blocks that are read but not delivered.
  var ahead: Int { begun - delivered }

  /// Whether everything was read and delivered.
  var isComplete: Bool { hasEnded && ahead == 0 }

  /// Records the result of a read. If it is a block, returns it with its position in the order.
  mutating func began(_ result: Result<[UInt8]?, CommandFailure>) -> (bytes: [UInt8], order: Int)? {
    switch result {
    case .success(let block?):
      defer { begun += 1 }
      return (block, begun)
    case .success(nil): hasEnded = true
    case .failure(let error):
      hasEnded = true
      failure = failure ?? error
    }
    return nil
  }

  mutating func finished(_ piece: LocatedLines, _ order: Int) { located[order] = piece }

  /// The next block of the input, if it is located already.
  mutating func next() -> LocatedLines? {
    guard var piece = located.removeValue(forKey: delivered) else { return nil }
    piece.linesBefore = lines
    lines += piece.lineCount
    delivered += 1
    // Ignore everything after a line that ended the input.
    if isCut {
      piece.lines = []
      piece.faults = []
      piece.ends = []
      piece.registrations = []
    }
    return piece
  }

  private var isCut = false

  /// Ends the input at a malformed line.
  mutating func end(_ failure: CommandFailure) {
    hasEnded = true
    isCut = true
    self.failure = failure
  }
}
