import CJSONBlocks

extension FuzzTarget {
  /// On every path, the masks agree with a plain loop for each byte, and the index has the positions of that loop. All
  /// buffers have exactly the size that the header demands, so that the sanitizer detects each access beyond it.
  static let blocks = FuzzTarget(name: "blocks") { input in
    let plain = PlainMasks(input)
    for path in jsonPaths {
      _ = d2_json_use_path(path)
      for chunking in Chunking.allCases { compareBlocks(chunking.chunks(input), plain, "\(path), \(chunking)") }
      compareIndex(input, plain, path)
    }
  }

  private static func compareBlocks(_ chunks: [[UInt8]], _ plain: PlainMasks, _ way: String) {
    var state = d2_json_state()
    var at = 0
    for chunk in chunks {
      let blocks = [d2_json_block](unsafeUninitializedCapacity: (chunk.count + 63) / 64) { blocks, count in
        chunk.withUnsafeBufferPointer { d2_json_blocks($0.baseAddress!, chunk.count, &state, blocks.baseAddress!) }
        count = (chunk.count + 63) / 64
      }
      for (place, block) in blocks.enumerated() {
        let bytes = plain.bytes[(at + 64 * place)..<min(at + 64 * place + 64, at + chunk.count)]
        // No bit is set after the end of the text.
        let expected = bytes.reversed().reduce(into: d2_json_block()) { mask, byte in
          mask.brackets = mask.brackets << 1 | (byte.isBracket ? 1 : 0)
          mask.spaces = mask.spaces << 1 | (byte.isSpace ? 1 : 0)
          mask.faults = mask.faults << 1 | (byte.isFault ? 1 : 0)
        }
        mustHold(
          (block.brackets, block.spaces, block.faults) == (expected.brackets, expected.spaces, expected.faults),
          "\(way): \(block) at byte \(bytes.startIndex) instead of \(expected)")
      }
      at += chunk.count
    }
    mustHold((state.in_string != 0) == plain.endsInString, "\(way): the string at the end")
    mustHold((state.escaped != 0) == plain.endsEscaped, "\(way): the escape at the end")
  }

  private static func compareIndex(_ input: [UInt8], _ plain: PlainMasks, _ path: String) {
    let positions = UnsafeMutablePointer<UInt32>.allocate(capacity: max(1, input.count))
    let padded = UnsafeMutablePointer<UInt8>.allocate(capacity: input.count + 63)
    defer {
      positions.deallocate()
      padded.deallocate()
    }
    padded.initialize(repeating: UInt8(ascii: "\""), count: input.count + 63)
    padded.update(from: input, count: input.count)
    var traits: UInt32 = 0
    let count = d2_json_index(padded, input.count, positions, &traits)
    if let fault = plain.bytes.firstIndex(where: { $0.isControlInString }) {
      mustHold(
        count == Int64(D2_JSON_CONTROL_BYTE) && positions[0] == UInt32(fault), "\(path): the control byte at \(fault)")
    } else if plain.endsInString {
      mustHold(count == Int64(D2_JSON_OPEN_STRING), "\(path): the string is open")
    } else {
      let expected = plain.bytes.indices.filter { plain.bytes[$0].isOfStructure }.map { UInt32($0) }
      let found = count < 0 ? [] : Array(UnsafeBufferPointer(start: positions, count: Int(count)))
      mustHold(count >= 0 && found == expected, "\(path): \(found), not \(expected)")
      mustHold(traits == plain.traits, "\(path): traits \(traits), not \(plain.traits)")
    }
  }
}

/// The expected masks, byte by byte.
private struct PlainMasks {
  struct Byte {
    var isBracket = false
    var isSpace = false
    var isFault = false
    var isControlInString = false
    var isOfStructure = false
  }

  var bytes: [Byte] = []
  var endsInString = false
  var endsEscaped = false
  var traits: UInt32 = 0

  init(_ input: [UInt8]) {
    var isInScalar = false
    for byte in input {
      let isEscaped = endsEscaped
      endsEscaped = byte == UInt8(ascii: "\\") && !isEscaped
      // A backslash outside strings is a fault, but still escapes a quote after it.
      let isQuote = byte == UInt8(ascii: "\"") && !isEscaped
      let isInside = endsInString ? !isQuote : isQuote
      if isQuote { endsInString.toggle() }
      var one = Byte()
      let isBracket = Array("{}[]".utf8).contains(byte)
      let isSeparator = byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":")
      one.isBracket = isBracket && !isInside
      one.isSpace = byte <= 0x20 && !isInside
      one.isControlInString = byte < 0x20 && isInside
      one.isFault =
        one.isControlInString || !isInside && (byte == UInt8(ascii: "<") || byte == UInt8(ascii: "\\"))
      let isScalar = !isInside && !isQuote && !isBracket && !isSeparator && byte > 0x20
      one.isOfStructure =
        !isInside && (isBracket || isSeparator) || isQuote || isScalar && !isInScalar
      isInScalar = isScalar
      bytes.append(one)
      if byte >= 0x80 { traits |= UInt32(D2_JSON_NOT_ASCII) }
      if byte == UInt8(ascii: "\\") { traits |= UInt32(D2_JSON_BACKSLASH) }
      if byte < 0x20 { traits |= UInt32(D2_JSON_CONTROL_OUTSIDE) }
    }
  }
}
