import D2Client
import D2Common
import D2Store

/// A block of the input, each line checked and with its key: what some threads make while another fills batches.
struct LocatedLines: Sendable {
  struct Line: Sendable {
    /// Where it stands in the text.
    var start: UInt32
    var length: UInt32
    /// Its number, from 1, in the block.
    var number: Int
    /// The hash of the key of which no two values of one request may be the same.
    var key: UInt64
    /// Which of the data sets it names; -1 for none.
    var dataSet: Int32
    /// Whether a server may answer it with a failure of the whole request.
    var isDoubtful: Bool
    /// Whether the server must get it in another spelling.
    var needsRewriting: Bool
    /// What the destination makes of it.
    var fate = ValueFate.kept
    /// What stands out about its text, and which of the block's data elements it is of.
    var oddity = ValueKeeping.Oddity()
    var element: UInt16 = 0
  }

  /// Stands for the data set of registrations that are to be deleted.
  static let deletedRegistrations = "deleted registrations"

  /// The block, as it was read.
  var text: [UInt8] = []
  var lines: [Line] = []
  var dataSets: [String] = []
  /// For a queue: what the lines' requests are for. Then `dataSet` is the place of a line's request here.
  var requests: [RequestKey] = []
  /// Lines that are not sent.
  var faults: [Fault] = []
  /// The hashes of the keys of values among them.
  var keysNotSent: [UInt64] = []
  /// Registrations among values, with their numbers in the block.
  var registrations: [(number: Int, line: [UInt8])] = []
  /// Lines that say that all of a pull is out.
  var ends: [EndLine] = []
  /// How many lines the block had, blank ones too, and how many came before it.
  var lineCount = 0
  var linesBefore = 0

  /// A line that is not sent.
  struct Fault: Sendable {
    /// What goes to the rejects: a value, by its place in the block, or the text of a line that is not a value.
    enum Kept: Sendable {
      case value(Range<Int>)
      case text(String)
    }

    /// Its number, from 1, in the block.
    let number: Int
    let kept: Kept
    let what: String
    /// What to do about it.
    var hint: String?
    /// Whether it ends the input if no rejects are kept.
    var endsInput = true
  }

  /// Takes out what stands after a line.
  mutating func cut(behind number: Int) {
    lines.removeAll { $0.number > number }
    registrations.removeAll { $0.number > number }
  }

  /// The bytes of a line.
  func place(of line: Line) -> Range<Int> { Int(line.start)..<Int(line.start + line.length) }
}
