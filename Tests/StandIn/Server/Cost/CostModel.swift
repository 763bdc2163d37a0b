import Glibc

/// The time that requests take on a real server, as measured on two cores with the client on the same machine. The
/// stand-in sleeps for this time, so that a client can be tuned against it.
struct CostModel: Sendable {
  /// Values per second, by batch size.
  struct Rate: Sendable {
    let points: [(batch: Double, perSecond: Double)]

    /// Interpolates the logarithms, and is constant outside the measured range.
    func at(_ batch: Int) -> Double {
      let size = Double(max(1, batch))
      guard let after = points.firstIndex(where: { $0.batch >= size }) else { return points.last!.perSecond }
      guard after > 0 else { return points[0].perSecond }
      let (a, b) = (points[after - 1], points[after])
      let share = (log(size) - log(a.batch)) / (log(b.batch) - log(a.batch))
      return exp(log(a.perSecond) + share * (log(b.perSecond) - log(a.perSecond)))
    }
  }

  /// Its name in the options.
  let name: String
  let loginSeconds: Double
  let requestSeconds: Double
  let importRate: Rate
  /// The rate without `preheatCache`, if that matters.
  let coldImportRate: Rate
  /// The gain from a second connection on two cores, for small and large batches.
  let twoConnections: Rate
  let exportPerSecond: Double
  let gzipExportPerSecond: Double
  /// For a small answer, and for one of a whole country.
  let firstByteSeconds: (small: Double, large: Double)
  var scale = 1.0
  /// The server's cores. All measurements used two.
  var cores = 2

  init?(_ name: String) {
    self.name = name
    switch name {
    case "2.40":
      loginSeconds = 0.226
      requestSeconds = 0.010
      importRate = Rate(points: [(1000, 1600), (5000, 3750), (20_000, 6650), (50_000, 6700)])
      coldImportRate = Rate(points: [(1000, 58), (5000, 270), (20_000, 950), (50_000, 2050)])
      twoConnections = Rate(points: [(1000, 2.0), (5000, 1.3), (20_000, 1.1)])
      exportPerSecond = 57_000
      gzipExportPerSecond = 57_000
      firstByteSeconds = (0.024, 0.1)
    case "2.42":
      loginSeconds = 0.111
      requestSeconds = 0.003
      importRate = Rate(points: [(1000, 1200), (5000, 3290), (20_000, 6520), (50_000, 6850)])
      coldImportRate = Rate(points: [(1000, 75), (5000, 330), (20_000, 1050), (50_000, 2170)])
      twoConnections = Rate(points: [(1000, 2.0), (5000, 1.3), (20_000, 1.1)])
      exportPerSecond = 55_000
      gzipExportPerSecond = 55_000
      firstByteSeconds = (0.037, 0.1)
    case "2.43":
      loginSeconds = 0.106
      requestSeconds = 0.003
      importRate = Rate(points: [(100, 1300), (1000, 1800), (5000, 1400), (20_000, 950), (50_000, 594)])
      coldImportRate = importRate
      twoConnections = Rate(points: [(1000, 0.6), (5000, 1.1)])
      exportPerSecond = 29_000
      gzipExportPerSecond = 14_500
      firstByteSeconds = (0.11, 0.9)
    default: return nil
    }
  }

  /// The time of an import, while others run.
  func importSeconds(values: Int, preheats: Bool, concurrent: Int) -> Double {
    guard values > 0 else { return requestSeconds * scale }
    let rate = (preheats ? importRate : coldImportRate).at(values)
    return (requestSeconds + Double(values) / rate * slowdown(values: values, concurrent)) * scale
  }

  /// How much concurrent imports slow each other down. More cores count as several pairs of cores. An import with its
  /// own pair is as fast as one alone; two imports share a pair as measured.
  private func slowdown(values: Int, _ concurrent: Int) -> Double {
    let pairs = Double(cores) / 2
    let importsOfPair = min(max(Double(concurrent) / pairs, 1), 2)
    let gainOfPair = 1 + (twoConnections.at(values) - 1) * (importsOfPair - 1)
    return max(1, Double(concurrent) / (pairs * gainOfPair))
  }

  func exportSeconds(values: Int, gzip: Bool) -> Double {
    Double(values) / (gzip ? gzipExportPerSecond : exportPerSecond) * scale
  }

  /// The time of analytics, all before the first byte: 75,009 values took 29.5 s (docs/dhis2-servers.md, trap 33).
  func analyticsSeconds(values: Int) -> Double { (0.05 + Double(values) * 29.4 / 75_009) * scale }

  /// The database takes longer before a large answer begins. A query without results is always fast.
  func firstByte(values: Int) -> Double {
    let (small, large) = firstByteSeconds
    if values == 0 { return min(0.03, small) * scale }
    return (small + (large - small) * min(1, Double(values) / 50_000)) * scale
  }
}
