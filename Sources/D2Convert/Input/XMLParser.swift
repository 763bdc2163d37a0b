import CExpat
import D2Common
import Glibc

/// What takes an XML text as it is parsed.
protocol XMLHandler: AnyObject {
  /// An element begins.
  ///
  /// - Parameters:
  ///   - name: with its prefix.
  ///   - attributes: names and texts by turns, and `nil` after them; all last until this returns.
  func begin(
    _ name: UnsafePointer<CChar>, _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>, _ parser: XMLParser) throws
  /// The element ends that began last and did not end yet.
  func end(_ parser: XMLParser) throws
  /// Some of the text inside of an element: all of it comes in any number of pieces.
  func take(_ text: UnsafeRawBufferPointer, _ parser: XMLParser) throws
}

/// Parses XML by expat, while it is read.
///
/// Whoever has no document type has no entities but XML's own, so that nothing is fetched and nothing blows up.
final class XMLParser {
  private static let blockBytes = 128 << 10

  private let source: any ByteSource
  private let handler: any XMLHandler
  private let parser: XML_Parser
  private var places = XMLPlaces()
  /// Where what came last began, in bytes from the beginning of the text.
  private var lastEvent = 0
  /// How much was read since something came.
  private var quietBytes = 0
  /// What a handler threw.
  private var failure: (any Error)?

  /// - Parameter isUTF8: whether the text was decoded, so that the encoding that it names does not count.
  init(_ source: any ByteSource, _ handler: any XMLHandler, isUTF8: Bool) {
    self.source = source
    self.handler = handler
    guard let parser = XML_ParserCreate(isUTF8 ? "UTF-8" : nil) else { fatalError("expat could not be started") }
    self.parser = parser
  }

  deinit { XML_ParserFree(parser) }

  /// Parses the text to its end.
  ///
  /// - Throws: `CommandFailure`, 65 if the text is not XML; what the source and the handler throw.
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

  /// What the text is called in messages.
  var name: String { source.name }

  /// Where what comes now begins.
  var place: Place { places.place(of: Int(XML_GetCurrentByteIndex(parser))) }

  /// Malformed input at what comes now.
  ///
  /// - Parameter bytes: how far after its beginning.
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
    // Comments and the like: that they come is all that counts.
    XML_SetDefaultHandler(parser) { parser, _, _ in XMLParser.of(parser).note { _ in } }
    XML_SetUnknownEncodingHandler(parser, { _, name, encoding in XMLParser.fill(encoding!, name!) ? 1 : 0 }, nil)
  }

  private static func of(_ parser: UnsafeMutableRawPointer?) -> XMLParser {
    Unmanaged<XMLParser>.fromOpaque(parser!).takeUnretainedValue()
  }

  /// Something came. What is thrown ends the parsing; expat may call once more before it does.
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

  /// Tells expat what the bytes of an encoding mean that it does not know itself.
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

  /// Whether expat stopped at a byte outside ASCII, though the text should be UTF-8.
  private var isAtHighByte: Bool {
    var (offset, size) = (Int32(0), Int32(0))
    guard let context = XML_GetInputContext(parser, &offset, &size), offset < size else { return false }
    return context[Int(offset)] < 0
  }
}
