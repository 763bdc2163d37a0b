import D2Common
import Glibc

/// An ADX document, inside its root element. It consists of groups, and passes each one to the sink as a document.
final class ADXDocument<Sink: ValueSink>: XMLHandler {
  private enum Level { case adx, group, value, annotation }

  private let sink: UnsafeMutablePointer<Sink>
  private let names: FieldNames
  private let table: AttributeTable
  private var level = Level.adx
  private var header = DocumentHeader()

  // The current value. It is complete only at its end, because the element may contain text.
  private let value = XMLRecord()
  private var texts = ByteArray()
  private var options = OptionObject()
  private var annotation = ByteArray()
  private var isAnnotated = false

  /// - Parameter attributes: the attributes of the root element.
  init(
    _ names: FieldNames, _ sink: UnsafeMutablePointer<Sink>,
    _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>, _ parser: XMLParser
  ) throws {
    self.sink = sink
    self.names = names
    table = .ofADX(names)
    // In ADX this attribute is the time of the export.
    try refuseAttributes(attributes, but: ["exported"], parser)
  }

  private func refuseAttributes(
    _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>, but known: [String], _ parser: XMLParser
  ) throws {
    try forEachAttribute(attributes) { name, _, _ in
      let full = String(cString: name)
      let local = XMLName.local(full)
      guard XMLName.isForReaders(full) || known.contains(local) || names.meaning(of: local) == .ignored else {
        throw parser.malformed(FieldNames.unknown(local, "attribute"))
      }
    }
  }

  func begin(
    _ name: UnsafePointer<CChar>, _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>, _ parser: XMLParser
  ) throws {
    let element = XMLName.local(name)
    switch level {
    case .adx:
      guard strcmp(element, "group") == 0 else { throw parser.unknownElement(name, in: "adx") }
      header = try HeaderAttributes(attributes, isADX: true, names, parser).header
      try sink.pointee.begin(header)
      level = .group
    case .group:
      guard strcmp(element, "dataValue") == 0 else { throw parser.unknownElement(name, in: "group") }
      try beginValue(attributes, parser)
      level = .value
    case .value:
      guard strcmp(element, "annotation") == 0 else { throw parser.unknownElement(name, in: "dataValue") }
      guard !isAnnotated else { throw parser.malformed("a value with two annotations") }
      try refuseAttributes(attributes, but: [], parser)
      isAnnotated = true
      level = .annotation
    case .annotation: throw parser.unknownElement(name, in: "annotation")
    }
  }

  func end(_ parser: XMLParser) throws {
    switch level {
    case .annotation: level = .value
    case .value:
      try endValue(parser)
      level = .group
    case .group:
      try sink.pointee.end(header)
      level = .adx
    case .adx: break
    }
  }

  func take(_ text: UnsafeRawBufferPointer, _ parser: XMLParser) throws {
    guard level == .annotation else { return try parser.requireSpace(text) }
    guard annotation.count + text.count <= TextWindow.largestValueBytes else {
      throw parser.malformed("an annotation that is longer than \(TextWindow.largestValueBytes >> 20) MiB")
    }
    annotation.append(text)
  }

  // MARK: Values

  private func beginValue(
    _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>, _ parser: XMLParser
  ) throws {
    value.begin(parser)
    options.removeAll()
    annotation.removeAll()
    isAnnotated = false
    keep(attributes)
    // The texts follow each other, in the order of the attributes.
    var text = UnsafePointer(texts.base)
    try forEachAttribute(attributes) { name, original, place in
      let length = strlen(original)
      defer { text += length }
      switch table.meaning(of: name, at: place) {
      case .field(let field): try value.set(field, text, length, parser)
      case .category: options.append(XMLName.local(name), original)
      case .ignored: break
      case .unknown: throw parser.malformed(FieldNames.unknown(XMLName.local(String(cString: name)), "attribute"))
      }
    }
    options.close()
    guard !options.isEmpty else { return }
    guard value.record[.categoryOptionCombo].form == .absent else {
      throw parser.malformed("both categoryOptionCombo and categories say what the category option combo is")
    }
    value.record[.categoryOptionCombo] = Cell(form: .json, options.json.bytes)
  }

  /// Copies all texts, because those of expat are valid only during the current callback.
  private func keep(_ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>) {
    texts.removeAll()
    forEachAttribute(attributes) { _, text, _ in
      texts.append(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }
  }

  private func endValue(_ parser: XMLParser) throws {
    let record = value.record
    if isAnnotated {
      let number = record[.value].bytes
      guard number.isEmpty || number.elementsEqual([UInt8(ascii: "0")]) else {
        throw CommandFailure.malformed(
          parser.name, record.place, "a value that has both a number and an annotation: which one is it?")
      }
      record[.value] = annotation.isEmpty ? .absent : Cell(form: .text, annotation.bytes)
    }
    try sink.pointee.take(record)
  }
}
