import CSodium

// Public and inlinable, because d2-diff hashes each value twice, and a call across modules would be one percent of its
// work.

/// A keyed hash of 128 bits (SipHash-2-4-128 by libsodium). Without this run's key, nobody can make two texts with the
/// same hash.
///
/// Among n values, the probability that two share a hash is about n²/2¹²⁹: for 10⁹ values 1.5 · 10⁻²¹.
public struct ValueHash: Hashable, Comparable, BitwiseCopyable, Sendable {
  /// The first eight bytes.
  public var high: UInt64 = 0
  /// The last eight bytes.
  public var low: UInt64 = 0

  /// A hash of nothing.
  @inlinable @inline(__always)
  public init() {}

  /// An arbitrary but fixed order.
  public static func < (left: ValueHash, right: ValueHash) -> Bool { (left.high, left.low) < (right.high, right.low) }
}

/// Hashes texts that consist of parts.
public struct ValueHasher: ~Copyable {
  /// The secret key that all compared hashes share.
  public struct Key: Sendable {
    /// The length of a key in bytes.
    public static let count = 16

    /// The bytes of the key.
    public let bytes: [UInt8]

    /// An existing key.
    public init(bytes: [UInt8]) { self.bytes = bytes }

    /// A new random key.
    public init() {
      var random = SystemRandomNumberGenerator()
      bytes = (0..<Self.count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }

    /// The hash of a text.
    @inlinable @inline(__always)
    public func hash(_ text: UnsafeRawBufferPointer) -> ValueHash {
      var hash = ValueHash()
      withUnsafeMutableBytes(of: &hash) { out in
        _ = crypto_shorthash_siphashx24(
          out.baseAddress!.assumingMemoryBound(to: UInt8.self), text.baseAddress?.assumingMemoryBound(to: UInt8.self),
          UInt64(text.count), bytes)
      }
      return hash
    }
  }

  @usableFromInline let key: Key
  @usableFromInline var text: [UInt8] = []

  /// A hasher with a key.
  public init(_ key: Key) {
    self.key = key
    text.reserveCapacity(256)
  }

  /// Adds a part. The byte that ends a part occurs in no UTF-8, so no part contains it.
  @inlinable @inline(__always)
  public mutating func add(_ part: some Collection<UInt8>) {
    text.append(contentsOf: part)
    text.append(0xFF)
  }

  /// The hash of the parts added since the last call.
  @inlinable @inline(__always)
  public mutating func finish() -> ValueHash {
    defer { text.removeAll(keepingCapacity: true) }
    return hash(text)
  }

  /// The hash of a single text.
  @inlinable @inline(__always)
  public func hash(_ text: [UInt8]) -> ValueHash { text.withUnsafeBytes { key.hash($0) } }
}
