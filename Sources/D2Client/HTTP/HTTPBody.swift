/// The body of a request: bytes, or parts that are put together during the transfer.
package protocol HTTPBody: Sendable {
  /// Its length in bytes.
  var count: Int { get }

  /// Copies bytes from an offset on, as many as fit. Returns how many.
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
