import D2Client
import D2Common
import D2Store

/// A block of the input, with each line checked and its key hashed. Some threads locate blocks while another fills
/// batches.
struct LocatedLines: Sendable {
  struct Line: Sendable {
    /// The offset of the line in the text.
    var start: UInt32
    var length: UInt32
    /// Its number, from 1, in the block.
    var number: Int
    /// The hash of the line's key. Two values with the same key must not be in one request.
    var key: UInt64
    /// The index of the data set that it names; -1 for none.
    var dataSet: Int32
    /// Whether a server may answer it with a failure of the whole request.
    var isDoubtful: Bool
    /// Whether the server must get it in another spelling.
    var needsRewriting: Bool
    /// What the destination does with the value.
    var fate = ValueFate.kept
    /// What is unusual about its text, and the number of its data element in the block.
    var oddity = ValueKeeping.Oddity()
    var element: UInt16 = 0
  }

  /// The data set name for registrations that are to be deleted.
  static let deletedRegistrations = "deleted registrations"

  /// The block, as it was read.
  var text: [UInt8] = []
  var lines: [Line] = []
  var dataSets: [String] = []
  /// For a queue: the requests of the lines. Then `dataSet` is the index of a line's request in this array.
  var requests: [RequestKey] = []
  /// Lines that are not sent.
  var faults: [Fault] = []
  /// The key hashes of the values among them.
  var keysNotSent: [UInt64] = []
  /// Registrations among values, with their numbers in the block.
  var registrations: [(number: Int, line: [UInt8])] = []
  /// Lines that mark the complete end of a pull.
  var ends: [EndLine] = []
  /// How many lines the block had, including blank ones, and how many lines came before it.
  var lineCount = 0
  var linesBefore = 0

  /// A line that is not sent.
  struct Fault: Sendable {
    /// What goes to the rejects: a value, by its range in the block, or the text of a line that is not a value.
    enum Kept: Sendable {
      case value(Range<Int>)
      case text(String)
    }

    /// Its number, from 1, in the block.
    let number: Int
    let kept: Kept
    let what: String
    /// What the user can do about it.
    var hint: String?
    /// Whether the line ends the input if no rejects are kept.
    var endsInput = true
  }

  /// Removes everything after a line.
  mutating func cut(behind number: Int) {
    lines.removeAll { $0.number > number }
    registrations.removeAll { $0.number > number }
  }

  /// The bytes of a line.
  func place(of line: Line) -> Range<Int> { Int(line.start)..<Int(line.start + line.length) }
}
