import D2Common

/// The server's local time. Its database stores times without a zone, as the server's clocks show them.
///
/// Milliseconds here are since 1970: in UTC (*moments*), or of a local time as if it were UTC (*local*).
struct LocalTime: Sendable {
  /// The name in `system/info`.
  let name: String
  /// `nil` for UTC.
  private let zone: ServerZone?

  static let utc = LocalTime(name: "Etc/UTC", zone: nil)

  /// Why there is no such zone.
  struct Unknown: Error, CustomStringConvertible {
    let name: String
    var description: String { "no time zone is called \(name)" }
  }

  /// - Throws: `Unknown`.
  init(named name: String) throws(Unknown) {
    guard let zone = ServerZone(named: name, observed: nil) else { throw Unknown(name: name) }
    self.init(name: name, zone: zone)
  }

  private init(name: String, zone: ServerZone?) {
    self.name = name
    self.zone = zone
  }

  private static func seconds(_ milliseconds: Int64) -> Int {
    Int(milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000)
  }

  private func offset(at moment: Int64) -> Int64 {
    Int64(zone?.offsetSeconds(at: UTCTime(seconds: Self.seconds(moment))) ?? 0) * 1000
  }

  /// The local time on the server's clocks.
  func local(_ moment: Int64) -> Int64 { moment + offset(at: moment) }

  /// The moment of a local time in Java: for an hour that occurs twice the second one, which is standard time.
  func moment(ofLocal local: Int64) -> Int64 {
    guard zone != nil else { return local }
    let offsets = [offset(at: local - 93_600_000), offset(at: local + 93_600_000)]
    let right = offsets.map { local - $0 }.filter { self.local($0) == local }
    return right.max() ?? local - offsets[0]
  }

  /// The moment that a parameter means. Without an offset it is a local time.
  func moment(of text: String) -> Int64? {
    let hasOffset = text.dropFirst(10).contains { "Z+- ".contains($0) }
    return Stamp.parse(text).map { hasOffset ? $0 : moment(ofLocal: $0) }
  }

  /// The bound for an export's `lastUpdated`, which is compared with local times of rows.
  ///
  /// Up to 2.42 the moment is written as UTC text, which the database reads as local time. From 2.43 on it is cut to
  /// the server's day.
  func bound(_ moment: Int64, _ version: ServerVersion) -> Int64 {
    guard version.hasDataEntryPipeline else { return moment }
    let local = local(moment)
    return local - (local % 86_400_000 + 86_400_000) % 86_400_000
  }
}
