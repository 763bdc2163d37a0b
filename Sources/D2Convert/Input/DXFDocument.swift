import D2Common
import Glibc

/// A data value set in dxf 2.0, inside its root element.
final class DXFDocument<Sink: ValueSink>: XMLHandler {
  private let sink: UnsafeMutablePointer<Sink>
  private let header: DocumentHeader
  private let table: AttributeTable
  private let value = XMLRecord()
  private var isInValue = false

  /// - Parameter attributes: the attributes of the root element.
  init(
    _ names: FieldNames, _ sink: UnsafeMutablePointer<Sink>,
    _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>, _ parser: XMLParser
  ) throws {
    self.sink = sink
    header = try HeaderAttributes(attributes, isADX: false, names, parser).header
    table = .ofDXF(names)
    try sink.pointee.begin(header)
  }

  func begin(
    _ name: UnsafePointer<CChar>, _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>, _ parser: XMLParser
  ) throws {
    guard !isInValue else { throw parser.unknownElement(name, in: "dataValue") }
    guard strcmp(XMLName.local(name), "dataValue") == 0 else { throw parser.unknownElement(name, in: "dataValueSet") }
    isInValue = true
    value.begin(parser)
    try forEachAttribute(attributes) { name, text, place in
      switch table.meaning(of: name, at: place) {
      case .field(let field):
        let length = strlen(text)
        try text.withMemoryRebound(to: UInt8.self, capacity: length + 1) { try value.set(field, $0, length, parser) }
      case .ignored: break
      case .unknown, .category:
        throw parser.malformed(FieldNames.unknown(XMLName.local(String(cString: name)), "attribute"))
      }
    }
    try sink.pointee.take(value.record)
  }

  func end(_ parser: XMLParser) throws {
    if isInValue {
      isInValue = false
    } else {
      try sink.pointee.end(header)
    }
  }

  func take(_ text: UnsafeRawBufferPointer, _ parser: XMLParser) throws { try parser.requireSpace(text) }
}
