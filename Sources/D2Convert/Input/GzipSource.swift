import D2Common

/// The content of consecutive gzip members.
public final class GzipSource: ByteSource {
  private let block: InputBlock
  private let inflater = Inflater(.gzip)
  private var hasBegun = false
  private var isInMember = false

  /// - Parameter source: gzip data.
  public init(_ source: any ByteSource) { block = InputBlock(source) }

  /// The name of its source.
  public var name: String { block.name }

  /// - Throws: `CommandFailure`: 65 if the data is cut off or damaged; errors of the source.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      if !isInMember { guard try beginMember() else { return 0 } }
      let step = inflater.step(block.start, block.count, into: buffer)
      block.advance(by: step.taken)
      if step.state == .damaged { throw malformed("the gzip data is damaged") }
      isInMember = step.state != .ended
      if step.made > 0 { return step.made }
      if isInMember, step.taken == 0 {
        guard try block.fill() else { throw malformed("the gzip data ends early: the file is cut off") }
      }
    }
  }

  /// Begins the next member. After a member there may be another one, or zeros that fill a block of a tape. False at
  /// the end.
  private func beginMember() throws -> Bool {
    guard try block.has(1) else {
      guard hasBegun else { throw malformed("the gzip data ends early: the file is empty") }
      return false
    }
    if hasBegun, block[0] != 0x1F {
      guard try block.skipZeros() else { throw malformed("something else follows the gzip data") }
      return false
    }
    inflater.reset()
    hasBegun = true
    isInMember = true
    return true
  }

  private func malformed(_ problem: String) -> CommandFailure { .malformed(name, nil, problem) }
}
