import CSodium

// Public and inlinable: d2-diff hashes each value twice, and a call across modules would be one percent of its work.

/// A keyed hash of 128 bits (SipHash-2-4-128 by libsodium): whoever does not know the key of this run cannot make two
/// texts share one.
///
/// Of n values some two share a hash with a probability of about n²/2¹²⁹: for 10⁹ values 1.5 · 10⁻²¹.
public struct ValueHash: Hashable, Comparable, BitwiseCopyable, Sendable {
  /// The first eight bytes.
  public var high: UInt64 = 0
  /// The last eight bytes.
  public var low: UInt64 = 0

  /// Of nothing yet.
  @inlinable @inline(__always)
  public init() {}

  /// Some order, always the same.
  public static func < (left: ValueHash, right: ValueHash) -> Bool { (left.high, left.low) < (right.high, right.low) }
}

/// Hashes texts that are put together of parts.
public struct ValueHasher: ~Copyable {
  /// The secret that all hashes which are compared share.
  public struct Key: Sendable {
    /// How many bytes it has.
    public static let count = 16

    /// What it is.
    public let bytes: [UInt8]

    /// One that was made before.
    public init(bytes: [UInt8]) { self.bytes = bytes }

    /// A new one, by chance.
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

  /// Adds a part. No part holds the byte that ends it: it occurs in no UTF-8.
  @inlinable @inline(__always)
  public mutating func add(_ part: some Collection<UInt8>) {
    text.append(contentsOf: part)
    text.append(0xFF)
  }

  /// The hash of the parts that were added since the last one.
  @inlinable @inline(__always)
  public mutating func finish() -> ValueHash {
    defer { text.removeAll(keepingCapacity: true) }
    return hash(text)
  }

  /// The hash of a text alone.
  @inlinable @inline(__always)
  public func hash(_ text: [UInt8]) -> ValueHash { text.withUnsafeBytes { key.hash($0) } }
}
