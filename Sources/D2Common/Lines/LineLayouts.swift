import CJSONBlocks

/// The known layouts of lines. A line with one of them needs no analysis of its structure.
struct LineLayouts: ~Copyable {
  private let layouts: OpaquePointer

  init() {
    guard let layouts = d2_json_layouts_new() else { fatalError("out of memory") }
    precondition(
      MemoryLayout<DataValueLine.Field>.stride == MemoryLayout<d2_json_field>.stride
        && MemoryLayout<DataValueLine.Field>.offset(of: \.start) == MemoryLayout<d2_json_field>.offset(of: \.start)
        && MemoryLayout<DataValueLine.Field>.offset(of: \.length) == MemoryLayout<d2_json_field>.offset(of: \.length),
      "fields in Swift and in C are the same")
    self.layouts = layouts
  }

  deinit { d2_json_layouts_free(layouts) }

  /// Parses the line at the beginning of a text, if it has a known layout, and writes the fields of its keys. `nil` if
  /// it has none, or is invalid; some fields may have been written then.
  @inline(__always)
  borrowing func follow(
    _ text: UnsafePointer<UInt8>, _ length: Int, _ fields: UnsafeMutablePointer<DataValueLine.Field>
  ) -> (length: Int, keys: DataValueLine.KeysByKind, traits: UInt32)? {
    var line = d2_json_line()
    let known = UnsafeMutableRawPointer(fields).assumingMemoryBound(to: d2_json_field.self)
    guard let keys = d2_json_follow(layouts, text, length, known, &line) else { return nil }
    return (
      Int(line.length),
      DataValueLine.KeysByKind(
        present: .init(bits: keys.pointee.present), filled: .init(bits: line.filled),
        flags: .init(bits: keys.pointee.flags)),
      line.traits
    )
  }

  /// Learns the layout of a valid line whose values are texts, true, false or null. Numbers and objects differ from
  /// line to line, so such lines are not learnt.
  ///
  /// - Parameters:
  ///   - structure: the structure of the line, whose grammar was checked.
  ///   - fields: the fields of its keys.
  borrowing func learn(_ structure: StructureWalk, _ fields: UnsafePointer<DataValueLine.Field>) {
    let keys = structure.keys
    guard keys.repeated.isEmpty, keys.nested.isEmpty, let members = structure.members(fields) else { return }
    d2_json_learn(
      layouts, structure.text, members, members.count, structure.length,
      d2_json_keys(present: keys.present.bits, flags: keys.flags.bits))
  }
}

extension StructureWalk {
  /// The members with a text, and those with a flag that d2 uses; `nil` if there is another kind of value.
  fileprivate func members(_ fields: UnsafePointer<DataValueLine.Field>) -> [d2_json_member]? {
    var members: [d2_json_member] = []
    // A key takes two quotes and a colon.
    var place = 1
    while place + 3 < count {
      let key = Self.key(text + Int(positions[place]) + 1, Int(positions[place + 1] - positions[place]) - 1)
      let value = positions[place + 3]
      switch text[Int(value)] {
      case UInt8(ascii: "\""):
        let field = d2_json_field(
          kind: DataValueLine.Kind.string.rawValue, start: value + 1, length: positions[place + 4] - value - 1)
        members.append(
          d2_json_member(value: field, slot: UInt8(key?.rawValue ?? DataValueLine.otherSlot), is_text: 1))
        place += 6
      case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
        if let key {
          let field = fields[key.rawValue]
          members.append(
            d2_json_member(
              value: d2_json_field(kind: field.kind.rawValue, start: field.start, length: field.length),
              slot: UInt8(key.rawValue), is_text: 0))
        }
        place += 5
      default: return nil
      }
    }
    return members
  }
}
