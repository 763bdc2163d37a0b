import D2Client
import D2Common

/// `d2-pull --count`: estimates what a pull would move, without moving it.
struct CountRun {
  let options: PullOptions
  let client: DHIS2Client
  let meter: PullMeter
  let log: Log

  static let columns = [
    "dataSet", "values", "low", "high", "isExact", "bytes", "wireBytes", "requests", "sampledUnits", "units",
  ]

  /// - Parameter listing: gets a row for each data set.
  func run(_ selections: [PullOptions], into listing: inout Listing, _ status: ExitStatus) throws {
    let asker = CountAsker(client: client, meter: meter, checks: options.checks)
    var counts: [SubjectCount] = []
    for subject in Self.subjects(selections) {
      let count = try SubjectCount(subject, asker)
      counts.append(count)
      try listing.add(row(count))
      if let units = count.units, count.high == nil {
        log.warning(
          "\(count.dataSet ?? "the selection"): \(units.sampled) of \(units.all) organisation units were asked, and too few of them have values: there are at least \(counted(count.low, "value")), but the total is unknown"
        )
      }
    }
    try listing.finish()
    log.info(line(counts))
    guard let file = options.summaryFile else { return }
    let rest: [JSONValue.Member] = [
      .init("dataSets", .array(counts.map(row))), .init("cost", cost), .init("status", .int(Int(status.rawValue))),
    ]
    try SummaryFile.write(.object((totals(counts).members ?? []) + rest), to: file)
  }

  /// Groups selections that belong together: those of one data set differ only in their organisation units.
  private static func subjects(_ selections: [PullOptions]) -> [[PullOptions]] {
    var subjects: [(key: String, selections: [PullOptions])] = []
    for selection in selections {
      let isOne = selection.isOneSubject
      for dataSets in isOne ? [selection.dataSets] : selection.dataSets.map({ [$0] }) {
        var one = selection
        one.dataSets = dataSets
        one.tagsDataSet = selection.tagsDataSet || selection.dataSets.count > 1 && !isOne
        let key = dataSets.joined(separator: ",")
        if let place = subjects.firstIndex(where: { $0.key == key }) {
          subjects[place].selections.append(one)
        } else {
          subjects.append((key, [one]))
        }
      }
    }
    return subjects.map(\.selections)
  }

  /// The number with `--limit` applied.
  private func limited(_ values: Int) -> Int { min(values, options.limit ?? .max) }

  private func row(_ count: SubjectCount) -> JSONValue {
    let row: JSONValue = [
      "dataSet": .string(orNull: count.dataSet), "values": .int(count.values), "low": .int(count.low),
      "high": .int(orNull: count.high), "isExact": .bool(count.isExact), "bytes": .int(count.bytes),
      "wireBytes": .int(count.wireBytes), "requests": .int(count.requests.count),
      "sampledUnits": .int(orNull: count.units?.sampled), "units": .int(orNull: count.units?.all),
      "onlyAssignedUnits": .bool(count.isOfAssigned),
    ]
    guard options.explains, let members = row.members else { return row }
    let urls = count.requests.map { JSONValue.string(client.server.appending($0.export.target)) }
    return .object(members + [.init("urls", .array(urls))])
  }

  private func totals(_ counts: [SubjectCount]) -> JSONValue {
    func sum(_ part: (SubjectCount) -> Int) -> Int { counts.reduce(0) { $0 + part($1) } }
    let values = sum(\.values)
    let share = values > 0 ? Double(limited(values)) / Double(values) : 1
    return [
      "values": .int(limited(values)), "low": .int(limited(sum(\.low))),
      "high": .int(orNull: high(counts)), "isExact": .bool(counts.allSatisfy(\.isExact)),
      "bytes": .int(Int(Double(sum(\.bytes)) * share)), "wireBytes": .int(Int(Double(sum(\.wireBytes)) * share)),
      "requests": .int(sum { $0.requests.count }),
    ]
  }

  private func high(_ counts: [SubjectCount]) -> Int? {
    let highs = counts.compactMap(\.high)
    return highs.count == counts.count ? limited(highs.reduce(0, +)) : options.limit
  }

  /// The cost of the estimate, with all its requests.
  private var cost: JSONValue {
    let traffic = client.traffic
    return [
      "requests": .int(traffic.requests), "wireBytes": .int(traffic.wireBytes),
      "seconds": .number(String(meter.seconds.toThousandths)),
    ]
  }

  /// The summary line: `about 97000 values (81000 to 118000), 28 MB (941 kB on the wire), in 3 requests; …`.
  private func line(_ counts: [SubjectCount]) -> String {
    let totals = totals(counts)
    func number(_ key: String) -> Int { totals[key]?.int ?? 0 }
    let isExact = totals["isExact"]?.bool == true
    var text = isExact ? "\(number("values")) values" : "about \(Self.rounded(number("values"))) values"
    if !isExact {
      let high = totals["high"]?.int.map { " to \(Self.rounded($0))" } ?? " at least"
      text += " (\(Self.rounded(number("low"), down: true))\(high))"
    }
    text +=
      ", \(SizeText.shown(bytes: number("bytes"))) (\(SizeText.shown(bytes: number("wireBytes"))) on the wire), in \(number("requests")) requests. "
    let sampled = counts.filter { $0.units != nil }
    if !sampled.isEmpty {
      let units = sampled.reduce((0, 0)) { ($0.0 + $1.units!.sampled, $0.1 + $1.units!.all) }
      text +=
        "\(counted(counts.count - sampled.count, "data set")) counted, \(sampled.count) extrapolated from \(units.0) of \(counted(units.1, "organisation unit"))"
      text += sampled.contains(where: \.isOfAssigned) ? " to which they are assigned. " : ". "
    }
    let traffic = client.traffic
    return text
      + "It took \(counted(traffic.requests, "request")), \(SizeText.shown(bytes: traffic.wireBytes)), \(DurationText.measured(meter.seconds))"
  }

  /// A number rounded to two digits and a half, because an estimate is not more precise.
  private static func rounded(_ number: Int, down: Bool = false) -> Int {
    var unit = 1
    while number / unit >= 1000 { unit *= 10 }
    return (down ? number : number + unit - 1) / unit * unit
  }
}
