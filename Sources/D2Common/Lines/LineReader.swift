import Glibc

/// Reads lines from a file descriptor in large blocks. It returns each line in place, in the block.
package struct LineReader: ~Copyable {
  /// A longer line is not a data value.
  package static let longestLineBytes = 16 << 20
  private static let blockBytes = 1 << 20
  /// How long a signal that ends the command may remain unnoticed while no input comes.
  private static let pollMilliseconds: Int32 = 200

  /// The number of the last line, from 1.
  package private(set) var number = 0
  /// Bytes read so far.
  package private(set) var bytes = 0
  /// The offset of the last line in the input.
  package private(set) var offset = 0

  private let descriptor: Int32
  private let stop: StopSign?
  private let blockBytes: Int
  private var buffer: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private var begin = 0
  private var end = 0
  /// Up to this offset there is no line end.
  private var searched = 0
  private var ended = false

  /// - Parameters:
  ///   - stop: stops the wait for input, like the end of the input.
  ///   - blockBytes: how much to read at a time while lines are shorter; 1 MiB by default.
  package init(descriptor: Int32, stop: StopSign? = nil, blockBytes: Int? = nil) {
    self.descriptor = descriptor
    self.stop = stop
    self.blockBytes = blockBytes ?? Self.blockBytes
    capacity = self.blockBytes
    buffer = .allocate(capacity: capacity + PaddedLine.paddingBytes)
    buffer.initialize(repeating: 0, count: capacity + PaddedLine.paddingBytes)
    PipeSize.widen(descriptor)
  }

  deinit { buffer.deallocate() }

  /// The next line without its line end, LF or CRLF; `nil` after the last. Valid until the next call.
  ///
  /// - Throws: `CommandFailure`: 74 if the input cannot be read, 65 for a line that is too long, or the signal's
  ///   status.
  package mutating func next() throws(CommandFailure) -> PaddedLine? {
    while true {
      if let found = memchr(buffer + searched, 0x0A, end - searched) {
        let lineEnd = found.assumingMemoryBound(to: UInt8.self) - buffer
        defer {
          begin = lineEnd + 1
          searched = begin
        }
        return line(until: lineEnd)
      }
      searched = end
      if ended {
        guard begin < end else { return nil }
        defer { begin = end }
        return line(until: end)
      }
      try fill()
    }
  }

  /// All available whole lines with their line ends; it reads if there is no whole line. Line ends follow as padding,
  /// so that the last line has one too. `nil` after the last. The lines are not counted; the caller must call
  /// `count(lines:)`.
  ///
  /// - Throws: the errors of `next()`.
  package mutating func nextBlock() throws(CommandFailure) -> [UInt8]? {
    while true {
      if let block = takeBlock() { return block }
      if ended { return nil }
      searched = end
      // Nothing was returned yet, so there may be a byte order mark.
      if bytes == end || end - begin > blockBytes / 2 {
        try fill()
      } else if let block = try readBlock() {
        return block
      }
    }
  }

  /// The whole lines in the buffer; at the end of the input, everything in it.
  private mutating func takeBlock() -> [UInt8]? {
    var blockEnd = end
    while blockEnd > searched, buffer[blockEnd - 1] != 0x0A { blockEnd -= 1 }
    if blockEnd <= searched {
      guard ended, begin < end else { return nil }
      blockEnd = end
    }
    if bytes == end { skipByteOrderMark() }
    defer {
      begin = blockEnd
      searched = blockEnd
    }
    let length = blockEnd - begin
    return [UInt8](unsafeUninitializedCapacity: length + PaddedLine.paddingBytes) { block, count in
      memcpy(block.baseAddress!, buffer + begin, length)
      memset(block.baseAddress! + length, 0x0A, PaddedLine.paddingBytes)
      count = length + PaddedLine.paddingBytes
    }
  }

  /// Reads a block in place, after the beginning of a line from the buffer. `nil` if no whole line came.
  private mutating func readBlock() throws(CommandFailure) -> [UInt8]? {
    guard try awaitInput() else { return nil }
    let carried = end - begin
    var got = 0
    let block = [UInt8](unsafeUninitializedCapacity: blockBytes + PaddedLine.paddingBytes) { block, count in
      let text = block.baseAddress!
      memcpy(text, buffer + begin, carried)
      got = read(descriptor, text + carried, blockBytes - carried)
      guard got > 0 else { return }
      // The bytes after the last line end begin the next block.
      var whole = carried + got
      while whole > carried, text[whole - 1] != 0x0A { whole -= 1 }
      if whole == carried { whole = 0 }
      (begin, searched, end) = (0, 0, carried + got - whole)
      memcpy(buffer, text + whole, end)
      guard whole > 0 else { return }
      memset(text + whole, 0x0A, PaddedLine.paddingBytes)
      count = whole + PaddedLine.paddingBytes
    }
    try noteRead(got)
    return block.isEmpty ? nil : block
  }

  /// Counts lines of blocks.
  package mutating func count(lines: Int) { number += lines }

  /// Skips a byte order mark, which some programs write.
  private mutating func skipByteOrderMark() {
    if begin == 0, end >= 3, buffer[0] == 0xEF, buffer[1] == 0xBB, buffer[2] == 0xBF { begin = 3 }
  }

  private mutating func line(until lineEnd: Int) -> PaddedLine {
    number += 1
    if number == 1 { skipByteOrderMark() }
    offset = bytes - end + begin
    var length = lineEnd - begin
    if length > 0, buffer[lineEnd - 1] == 0x0D { length -= 1 }
    let padded = UnsafeRawBufferPointer(start: buffer, count: capacity + PaddedLine.paddingBytes)
    return PaddedLine(begin..<begin + length, of: padded)
  }

  private mutating func fill() throws(CommandFailure) {
    if begin > 0 {
      memmove(buffer, buffer + begin, end - begin)
      end -= begin
      searched -= begin
      begin = 0
    }
    if end == capacity {
      guard capacity < Self.longestLineBytes else {
        throw CommandFailure(
          .malformedInput,
          "line \(number + 1) is longer than \(Self.longestLineBytes >> 20) MiB: if it is a whole document, \(ForeignInput.convert)"
        )
      }
      let wider = UnsafeMutablePointer<UInt8>.allocate(capacity: 2 * capacity + PaddedLine.paddingBytes)
      wider.initialize(repeating: 0, count: 2 * capacity + PaddedLine.paddingBytes)
      memcpy(wider, buffer, end)
      buffer.deallocate()
      buffer = wider
      capacity *= 2
    }
    guard try awaitInput() else { return }
    let got = read(descriptor, buffer + end, capacity - end)
    if got > 0 { end += got }
    try noteRead(got)
  }

  /// Waits for input, and returns whether there is any. The stop sign counts as the end of the input.
  private mutating func awaitInput() throws(CommandFailure) -> Bool {
    while true {
      var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&polled, 1, Self.pollMilliseconds)
      try Signals.check()
      if stop?.isSet == true {
        ended = true
        return false
      }
      if ready != 0 { return true }
    }
  }

  /// Handles the result of a read. After a read that a signal interrupted, the caller finds nothing and tries once
  /// more.
  private mutating func noteRead(_ got: Int) throws(CommandFailure) {
    if got < 0 {
      if errno == EINTR || errno == EAGAIN { return }
      throw CommandFailure(.cannotRead, "cannot read the input: \(SystemError())")
    }
    ended = got == 0
    bytes += got
  }
}
