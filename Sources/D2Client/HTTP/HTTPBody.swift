/// The body of a request: bytes, or what is put together while it is sent.
package protocol HTTPBody: Sendable {
  /// How many bytes it has.
  var count: Int { get }

  /// Copies what stands from an offset on, as much as there is room for, and says how many bytes that is.
  func copy(from offset: Int, into room: UnsafeMutableRawBufferPointer) -> Int
}

extension Array: HTTPBody where Element == UInt8 {
  package func copy(from offset: Int, into room: UnsafeMutableRawBufferPointer) -> Int {
    let part = self[offset..<Swift.min(count, offset + room.count)]
    part.withUnsafeBytes { room.copyMemory(from: $0) }
    return part.count
  }
}

extension HTTPBody {
  /// A copy of its first bytes.
  package func firstBytes(_ most: Int = .max) -> [UInt8] {
    let length = min(count, most)
    return [UInt8](unsafeUninitializedCapacity: length) { bytes, initialized in
      let room = UnsafeMutableRawBufferPointer(bytes)
      while initialized < length {
        initialized += copy(
          from: initialized, into: UnsafeMutableRawBufferPointer(rebasing: room[initialized..<length]))
      }
    }
  }
}
