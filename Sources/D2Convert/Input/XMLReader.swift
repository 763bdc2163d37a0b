import D2Common
import Glibc

/// Reads values from DHIS2's XML: dxf 2.0 and ADX. The root element decides which one it is. Namespaces are ignored.
public final class XMLReader {
  private let names: FieldNames
  private let isUTF8: Bool
  /// Whether there was ADX, which uses codes as ids.
  public private(set) var usesCodes = false

  /// - Parameter isUTF8: whether the text was decoded already. Then the encoding that it declares is ignored
  ///   (`EncodedSource.isCertain`).
  public init(_ names: FieldNames, isUTF8: Bool) {
    self.names = names
    self.isUTF8 = isUTF8
  }

  /// Passes all values of a document to the sink.
  ///
  /// - Throws: `CommandFailure`, 65 for malformed input; errors of the source and the sink.
  public func read(_ source: any ByteSource, into sink: inout some ValueSink) throws {
    try withUnsafeMutablePointer(to: &sink) { sink in
      let document = XMLDocument(names, sink)
      defer { usesCodes = document.isADX }
      try XMLParser(source, document, isUTF8: isUTF8).run()
    }
  }
}

/// A document whose root element may not be read yet.
private final class XMLDocument<Sink: ValueSink>: XMLHandler {
  private let names: FieldNames
  private let sink: UnsafeMutablePointer<Sink>
  /// The handler for the content of the root element.
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
  /// The error for an element that is not allowed here.
  func unknownElement(_ name: UnsafePointer<CChar>, in outer: String) -> CommandFailure {
    malformed("unknown element <\(XMLName.local(String(cString: name)))> in <\(outer)>")
  }

  /// Refuses text other than white space between elements.
  func requireSpace(_ text: UnsafeRawBufferPointer) throws {
    guard let first = text.firstIndex(where: { !TextWindow.isSpace($0) }) else { return }
    throw malformed("text between elements", behind: first)
  }
}
