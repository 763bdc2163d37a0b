import D2Common
import D2Convert
import TestSupport

/// Records everything that a reader passes on, one line for each call.
struct RecordedValues: ValueSink {
  var lines: [String] = []

  mutating func begin(_ header: DocumentHeader) { lines.append("begin" + Self.text(header)) }

  mutating func take(_ value: ValueRecord) {
    let cells = ValueField.allCases.filter { value[$0].form != .absent }
    let texts = cells.map { field in
      let text = String(decoding: value[field].bytes, as: UTF8.self)
      return value[field].form == .json ? "\(field)=\(text)" : "\(field)='\(text)'"
    }
    lines.append("\(value.place.line):\(value.place.column) \(texts.joined(separator: " "))")
  }

  mutating func take(registration: UnsafeRawBufferPointer) {
    lines.append("registration \(String(decoding: registration, as: UTF8.self))")
  }

  mutating func end(_ header: DocumentHeader) { lines.append("end" + Self.text(header)) }

  private static func text(_ header: DocumentHeader) -> String {
    let members = ValueField.allCases.compactMap { field in
      header.members[field].map { " \(field)=\(String(decoding: $0, as: UTF8.self))" }
    }
    let schemes = header.idSchemes.map { " \($0.key)=\($0.scheme)" }
    return (members + (header.completeDate.map { [" completeDate=\($0)"] } ?? []) + schemes).joined()
  }
}

/// Hands out bytes in pieces of a size.
final class BytesSource: ByteSource {
  let name: String
  private let bytes: [UInt8]
  private let most: Int
  private var at = 0

  init(_ bytes: [UInt8], name: String = "test", most: Int = .max) {
    self.bytes = bytes
    self.name = name
    self.most = most
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(bytes.count - at, buffer.count, most)
    buffer.copyBytes(from: bytes[at..<at + count])
    at += count
    return count
  }
}

extension ByteSource {
  /// All that it has, read with little room or much.
  func all(room: Int = 1 << 16) throws -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: max(room, 4096))
    while true {
      let got = try buffer.withUnsafeMutableBytes { try read(into: $0) }
      guard got > 0 else { return all }
      all += buffer[..<got]
    }
  }
}

/// The failure of a command that something ends with, as its status and message.
func failure(_ run: () throws -> Void) -> String {
  do { try run() } catch let failure as CommandFailure {
    return "\(failure.exitStatus.rawValue) \(failure.message)"
  } catch { return "\(error)" }
  return "no failure"
}
