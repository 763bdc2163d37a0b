import CExpat
import D2Common
import Glibc

/// Receives the events of an XML text.
protocol XMLHandler: AnyObject {
  /// An element begins.
  ///
  /// - Parameters:
  ///   - name: the name with its prefix.
  ///   - attributes: names and texts in turn, with `nil` at the end; valid only until this returns.
  func begin(
    _ name: UnsafePointer<CChar>, _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>, _ parser: XMLParser) throws
  /// The innermost open element ends.
  func end(_ parser: XMLParser) throws
  /// A piece of the text in an element. A text may come in any number of pieces.
  func take(_ text: UnsafeRawBufferPointer, _ parser: XMLParser) throws
}

/// Parses XML with expat while it reads the source.
///
/// It refuses document types, so that only XML's own entities exist. Nothing is fetched, and entities cannot expand
/// without limit.
final class XMLParser {
  private static let blockBytes = 128 << 10

  private let source: any ByteSource
  private let handler: any XMLHandler
  private let parser: XML_Parser
  private var places = XMLPlaces()
  /// The offset of the last event, in bytes from the beginning of the text.
  private var lastEvent = 0
  /// How many bytes were read since the last event.
  private var quietBytes = 0
  /// The error of a handler.
  private var failure: (any Error)?

  /// - Parameter isUTF8: whether the text was decoded already. Then the encoding that it declares is ignored.
  init(_ source: any ByteSource, _ handler: any XMLHandler, isUTF8: Bool) {
    self.source = source
    self.handler = handler
    guard let parser = XML_ParserCreate(isUTF8 ? "UTF-8" : nil) else { fatalError("expat could not be started") }
    self.parser = parser
  }

  deinit { XML_ParserFree(parser) }

  /// Parses the text to its end.
  ///
  /// - Throws: `CommandFailure`, 65 if the text is not XML; errors of the source and the handler.
  func run() throws {
    setHandlers()
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.blockBytes, alignment: 16)
    defer { block.deallocate() }
    var got = 0
    repeat {
      got = try source.read(into: block)
      places.begin(UnsafeRawBufferPointer(rebasing: block[..<got]))
      quietBytes += got
      let text = block.baseAddress?.assumingMemoryBound(to: CChar.self)
      let status = XML_Parse(parser, text, Int32(got), got == 0 ? 1 : 0)
      if let failure { throw failure }
      guard status.rawValue == 1 else { throw malformed() }
      guard quietBytes <= TextWindow.largestValueBytes else {
        throw malformed("something that is longer than \(TextWindow.largestValueBytes >> 20) MiB", at: lastEvent)
      }
      _ = places.place(of: lastEvent)
      places.end()
    } while got > 0
  }

  /// The name of the text for messages.
  var name: String { source.name }

  /// The place of the current event.
  var place: Place { places.place(of: Int(XML_GetCurrentByteIndex(parser))) }

  /// The error for malformed input at the current event.
  ///
  /// - Parameter bytes: the offset from its beginning.
  func malformed(_ problem: String, behind bytes: Int = 0) -> CommandFailure {
    malformed(problem, at: Int(XML_GetCurrentByteIndex(parser)) + bytes)
  }

  private func malformed(_ problem: String, at offset: Int) -> CommandFailure {
    .malformed(source.name, places.place(of: offset), problem)
  }

  // MARK: What expat calls

  private func setHandlers() {
    XML_SetUserData(parser, Unmanaged.passUnretained(self).toOpaque())
    XML_SetElementHandler(
      parser,
      { parser, name, attributes in
        XMLParser.of(parser).note { try $0.handler.begin(name!, attributes!, $0) }
      },
      { parser, _ in XMLParser.of(parser).note { try $0.handler.end($0) } })
    XML_SetCharacterDataHandler(parser) { parser, text, length in
      XMLParser.of(parser).note {
        try $0.handler.take(UnsafeRawBufferPointer(start: text, count: Int(length)), $0)
      }
    }
    XML_SetStartDoctypeDeclHandler(parser) { parser, name, _, _, _ in
      XMLParser.of(parser).note { throw $0.malformed(XMLParser.refusal(ofDoctype: String(cString: name!))) }
    }
    // Comments and similar events: only their occurrence matters.
    XML_SetDefaultHandler(parser) { parser, _, _ in XMLParser.of(parser).note { _ in } }
    XML_SetUnknownEncodingHandler(parser, { _, name, encoding in XMLParser.fill(encoding!, name!) ? 1 : 0 }, nil)
  }

  private static func of(_ parser: UnsafeMutableRawPointer?) -> XMLParser {
    Unmanaged<XMLParser>.fromOpaque(parser!).takeUnretainedValue()
  }

  /// Handles an event. An error ends the parsing, but expat may call once more before it stops.
  @inline(__always)
  private func note(_ handle: (XMLParser) throws -> Void) {
    guard failure == nil else { return }
    lastEvent = max(lastEvent, Int(XML_GetCurrentByteIndex(parser)))
    quietBytes = 0
    do { try handle(self) } catch {
      failure = error
      XML_StopParser(parser, 0)
    }
  }

  private static func refusal(ofDoctype name: String) -> String {
    name.lowercased() == "html"
      ? "this is a web page, not data: was it saved before signing in?"
      : "a document type (DOCTYPE) is not read: remove it"
  }

  /// Gives expat the table of an encoding that it does not know.
  private static func fill(_ encoding: UnsafeMutablePointer<XML_Encoding>, _ name: UnsafePointer<CChar>) -> Bool {
    guard let table = Decoder.table(of: String(cString: name)) else { return false }
    withUnsafeMutableBytes(of: &encoding.pointee.map) { map in
      for (byte, character) in table.enumerated() {
        map.storeBytes(of: character, toByteOffset: byte * MemoryLayout<Int32>.size, as: Int32.self)
      }
    }
    encoding.pointee.data = nil
    encoding.pointee.convert = nil
    encoding.pointee.release = nil
    return true
  }

  // MARK: What is no XML

  private func malformed() -> CommandFailure {
    let code = XML_GetErrorCode(parser)
    let offset = max(lastEvent, Int(XML_GetCurrentByteIndex(parser)))
    return malformed(problem(code), at: offset)
  }

  private func problem(_ code: XML_Error) -> String {
    switch code {
    case XML_ERROR_NO_ELEMENTS, XML_ERROR_UNCLOSED_TOKEN, XML_ERROR_PARTIAL_CHAR, XML_ERROR_UNCLOSED_CDATA_SECTION:
      return "the XML ends early: the file is cut off"
    case XML_ERROR_TAG_MISMATCH: return "an end tag that does not belong to the element that is open"
    case XML_ERROR_DUPLICATE_ATTRIBUTE: return "an attribute is there twice"
    case XML_ERROR_JUNK_AFTER_DOC_ELEMENT: return "there is something after the end of the document"
    case XML_ERROR_UNDEFINED_ENTITY: return "an entity that XML does not have: write the character itself"
    case XML_ERROR_UNKNOWN_ENCODING:
      return "the XML names an unknown encoding: say which one it is, by --encoding"
    case XML_ERROR_INCORRECT_ENCODING: return "the XML is not in the encoding that it names"
    case XML_ERROR_INVALID_TOKEN where isAtHighByte: return EncodedSource.notUTF8
    default: return "this is not XML (\(XML_ErrorString(code).map { String(cString: $0) } ?? "error"))"
    }
  }

  /// Whether expat stopped at a byte outside ASCII, although the text should be UTF-8.
  private var isAtHighByte: Bool {
    var (offset, size) = (Int32(0), Int32(0))
    guard let context = XML_GetInputContext(parser, &offset, &size), offset < size else { return false }
    return context[Int(offset)] < 0
  }
}
