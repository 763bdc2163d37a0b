import D2Common
import Glibc

/// Reads values from DHIS2's XML: dxf 2.0 and ADX, which their root elements tell apart. Namespaces are not looked at.
public final class XMLReader {
  private let names: FieldNames
  private let isUTF8: Bool
  /// Whether ADX came. Its ids are codes.
  public private(set) var usesCodes = false

  /// - Parameter isUTF8: whether the text was decoded, so that the encoding that it names itself does not count
  ///   (`EncodedSource.isCertain`).
  public init(_ names: FieldNames, isUTF8: Bool) {
    self.names = names
    self.isUTF8 = isUTF8
  }

  /// Hands on all values of a document.
  ///
  /// - Throws: `CommandFailure`, 65 for what is malformed; what the source and the sink throw.
  public func read(_ source: any ByteSource, into sink: inout some ValueSink) throws {
    try withUnsafeMutablePointer(to: &sink) { sink in
      let document = XMLDocument(names, sink)
      defer { usesCodes = document.isADX }
      try XMLParser(source, document, isUTF8: isUTF8).run()
    }
  }
}

/// A document whose root element was not read yet.
private final class XMLDocument<Sink: ValueSink>: XMLHandler {
  private let names: FieldNames
  private let sink: UnsafeMutablePointer<Sink>
  /// What stands inside the root element.
  private var inside: (any XMLHandler)?
  private(set) var isADX = false

  init(_ names: FieldNames, _ sink: UnsafeMutablePointer<Sink>) {
    self.names = names
    self.sink = sink
  }

  func begin(
    _ name: UnsafePointer<CChar>, _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>, _ parser: XMLParser
  ) throws {
    if let inside { return try inside.begin(name, attributes, parser) }
    switch XMLName.local(String(cString: name)) {
    case "dataValueSet": inside = try DXFDocument(names, sink, attributes, parser)
    case "adx":
      isADX = true
      inside = try ADXDocument(names, sink, attributes, parser)
    case let root:
      throw parser.malformed("this is not XML of values: it begins with <\(root)>, not with <dataValueSet> or <adx>")
    }
  }

  func end(_ parser: XMLParser) throws { try inside?.end(parser) }

  func take(_ text: UnsafeRawBufferPointer, _ parser: XMLParser) throws { try inside?.take(text, parser) }
}

extension XMLParser {
  /// An element that has no place here.
  func unknownElement(_ name: UnsafePointer<CChar>, in outer: String) -> CommandFailure {
    malformed("unknown element <\(XMLName.local(String(cString: name)))> in <\(outer)>")
  }

  /// Between elements only white space may stand.
  func requireSpace(_ text: UnsafeRawBufferPointer) throws {
    guard let first = text.firstIndex(where: { !TextWindow.isSpace($0) }) else { return }
    throw malformed("text between elements", behind: first)
  }
}
