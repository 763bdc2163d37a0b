/// A country that is made up: placeholder.
enum Country {
  static func metadata(units: Int, seed: UInt64) -> Metadata {
    var metadata = Metadata()
    metadata.index()
    return metadata
  }

  static func fill(
    _ store: inout ValueStore, _ metadata: Metadata, count: Int, years: ClosedRange<Int>, seed: UInt64, now: Int64
  ) {}
}
