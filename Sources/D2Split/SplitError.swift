import D2Common

/// The problems of an answer that should be a JSON object with an array of data values.
public enum SplitProblem: Error, Equatable, Sendable {
  /// The text does not begin with `{`.
  case notAnObject
  /// A byte that is not allowed at its offset.
  case unexpected(UInt8)
  /// An element of the array that is not an object.
  case elementNotAnObject
  /// A closing bracket of the other kind.
  case unbalanced
  /// A control byte inside a string.
  case controlByte
  /// A `<` outside strings: a proxy's or a login page inside the answer.
  case htmlInside
  /// Something other than white space after the document.
  case trailingBytes
  /// Brackets nested deeper than 64 levels.
  case tooDeep
  /// An element larger than 16 MiB.
  case tooLarge
  /// The array occurs twice in the document.
  case arrayTwice
  /// The document ends before its closing brace.
  case endsEarly
  /// The array under the wanted key is another kind of value.
  case notAnArray
  /// A key that values lack comes after them at the top, when it can no longer be added to them.
  case hoistedKeyBehindValues(String)
}

/// A fault of an answer, with the offset of the first wrong byte.
public struct SplitError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The problem.
  public let problem: SplitProblem
  /// The offset in the (inflated) answer, counted from 0.
  public let offset: Int

  /// The fault as the end of a sentence, with its offset.
  public var description: String { "\(problem) at byte \(offset)" }

  /// Whether the text could be the beginning of a valid answer.
  public var isCutOff: Bool { problem == .endsEarly }
}

extension SplitProblem: CustomStringConvertible {
  /// The problem as the end of a sentence.
  public var description: String {
    switch self {
    case .notAnObject: "the answer is not a JSON object"
    case .unexpected(let byte): "unexpected \(byte.shown) in the JSON"
    case .elementNotAnObject: "an element that is not a JSON object"
    case .unbalanced: "unbalanced brackets"
    case .controlByte: "a control byte inside a string"
    case .htmlInside: "a page of HTML inside the JSON"
    case .trailingBytes: "there is something after the end of the JSON"
    case .tooDeep: "JSON nested deeper than \(DataValueSplitter.deepest) levels"
    case .tooLarge: "an element larger than \(DataValueSplitter.largestElementBytes >> 20) MiB"
    case .arrayTwice: "the array of values is there twice"
    case .endsEarly: "the JSON ends early"
    case .notAnArray: "the values are not an array"
    case .hoistedKeyBehindValues(let key): "the common \"\(key)\" stands behind the values that lack it"
    }
  }
}
