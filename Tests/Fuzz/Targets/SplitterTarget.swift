import CJSONBlocks
import D2Common
import D2Split
import TestSupport

/// The SIMD paths that this machine supports.
let jsonPaths = ["portable", "sse2", "avx2", "avx512", "neon"].filter { (name: String) in d2_json_use_path(name) != 0 }

extension FuzzTarget {
  /// The splitter has the same output and the same failures as the byte-by-byte reference, whatever the chunks and the
  /// masks.
  static let splitter = FuzzTarget(name: "splitter") { input in
    let reference = ReferenceSplitter(input)
    var expected: [UInt8] = []
    for element in reference.elements { expected += element + [0x0A] }

    let plain = Split.everyWay(input, ValueCompletion(hoistedKeys: []))
    mustHold(reference.problem == nil || plain.error != nil, "\(reference.problem!) is a fault")
    mustHold(expected.starts(with: plain.bytes), "only whole values of the input are written, in their order")
    mustHold(plain.bytes.isEmpty || plain.bytes.last == 0x0A, "each line ends")
    mustHold(plain.count == plain.bytes.count { $0 == 0x0A }, "as many values are counted as are written")
    if plain.error == nil { mustHold(plain.bytes == expected, "all values of the input are written") }

    let completed = Split.everyWay(input, ValueCompletion(dataSet: "S\"1"))
    let document = try? JSONValue(parsing: input)
    // The reader accepts a byte order mark, but the splitter does not.
    guard input.first != 0xEF, let values = document?["dataValues"]?.array, document!.has(once: "dataValues") else {
      return
    }
    checkValues(plain, values) { $0 == $1 }
    checkValues(completed, values) { line, value in
      line.members?.last == .init("dataSet", "S\"1") && line.members!.starts(with: value.members ?? [])
    }
  }

  /// If the document is JSON, each line is JSON and equals its value.
  private static func checkValues(
    _ split: Split, _ values: [JSONValue], _ matches: (_ line: JSONValue, _ value: JSONValue) -> Bool
  ) {
    let lines = split.bytes.split(separator: 0x0A)
    if let error = split.error {
      let isExpected =
        switch error.problem {
        case .elementNotAnObject: !values.allSatisfy { $0.members != nil }
        case .tooDeep, .tooLarge, .hoistedKeyBehindValues: true
        default: false
        }
      mustHold(isExpected, "a good document has no fault: \(error)")
    } else {
      mustHold(lines.count == values.count, "each value is a line")
    }
    for (line, value) in zip(lines, values) {
      let json = try? JSONValue(parsing: line)
      mustHold(json.map { matches($0, value) } ?? false, "\(String(decoding: line, as: UTF8.self)) is \(value.text)")
    }
  }
}

/// The output of a splitter.
private struct Split: Equatable, LineSink {
  var bytes: [UInt8] = []
  var error: SplitError?
  var count = 0

  mutating func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) {
    bytes += carried
    bytes += lines
    if lineEndMissing { bytes.append(0x0A) }
  }

  init(_ chunks: [[UInt8]], _ completion: ValueCompletion) {
    var splitter = DataValueSplitter(completion: completion)
    do {
      for var chunk in chunks { try chunk.withUnsafeMutableBytes { try splitter.consume($0, into: &self) } }
      try splitter.finish()
    } catch {
      self.error = (error as! SplitError)
    }
    count = splitter.count
  }

  /// The output, which must be the same for all masks and chunks.
  static func everyWay(_ input: [UInt8], _ completion: ValueCompletion) -> Split {
    var first: Split?
    for path in jsonPaths {
      _ = d2_json_use_path(path)
      for chunking in Chunking.allCases {
        let split = Split(chunking.chunks(input), completion)
        first = first ?? split
        mustHold(split == first, "\(path), \(chunking): \(split) instead of \(first!)")
      }
    }
    return first!
  }
}

extension JSONValue {
  fileprivate func has(once key: String) -> Bool { members!.count { $0.key == key } == 1 }
}
