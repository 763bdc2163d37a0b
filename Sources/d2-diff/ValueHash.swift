import CSodium
import D2Common

/// A keyed hash of 128 bits (SipHash-2-4-128 by libsodium): whoever does not know the key of this run cannot make two
/// texts share one.
///
/// Of n values some two share a hash with a probability of about n²/2¹²⁹: for 10⁹ values 1.5 · 10⁻²¹.
struct ValueHash: Equatable, Hashable, BitwiseCopyable {
  var high: UInt64 = 0
  var low: UInt64 = 0
}

/// Hashes texts that are put together of parts.
struct ValueHasher: ~Copyable {
  /// The secret that both sides of a comparison share.
  struct Key {
    fileprivate let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// A new one, by chance.
    init() {
      var random = SystemRandomNumberGenerator()
      bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }
  }

  private let key: Key
  private var text: [UInt8] = []

  init(_ key: Key) {
    self.key = key
    text.reserveCapacity(256)
  }

  /// Adds a part. No part holds the byte that ends it: it occurs in no UTF-8.
  @inline(__always)
  mutating func add(_ part: some Collection<UInt8>) {
    text.append(contentsOf: part)
    text.append(0xFF)
  }

  /// The hash of the parts that were added since the last one.
  @inline(__always)
  mutating func finish() -> ValueHash {
    defer { text.removeAll(keepingCapacity: true) }
    return hash(text)
  }

  @inline(__always)
  func hash(_ text: [UInt8]) -> ValueHash {
    var hash = ValueHash()
    withUnsafeMutableBytes(of: &hash) { out in
      _ = crypto_shorthash_siphashx24(
        out.baseAddress!.assumingMemoryBound(to: UInt8.self), text, UInt64(text.count), key.bytes)
    }
    return hash
  }
}
