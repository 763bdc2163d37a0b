import D2Common

/// Blocks of the input that are located by several tasks, put back into their order.
struct InputOrder {
  private var begun = 0
  private var delivered = 0
  private var located: [Int: LocatedLines] = [:]
  /// Lines of the blocks that were delivered.
  private(set) var lines = 0
  /// No more is to be read.
  private(set) var hasEnded = false
  /// What ended the input before its end.
  private(set) var failure: CommandFailure?

  /// Blocks that are read but not delivered.
  var ahead: Int { begun - delivered }

  /// Everything was read and delivered.
  var isComplete: Bool { hasEnded && ahead == 0 }

  /// A block was read, or none: returns it with its place in the order.
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

  /// The next block of the input, if it is located.
  mutating func next() -> LocatedLines? {
    guard var piece = located.removeValue(forKey: delivered) else { return nil }
    piece.linesBefore = lines
    lines += piece.lineCount
    delivered += 1
    // Behind a line that ended the input nothing counts.
    if isCut {
      piece.lines = []
      piece.faults = []
      piece.ends = []
      piece.registrations = []
    }
    return piece
  }

  private var isCut = false

  /// A malformed line ends the input.
  mutating func end(_ failure: CommandFailure) {
    hasEnded = true
    isCut = true
    self.failure = failure
  }
}
