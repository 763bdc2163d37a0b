import D2Common

@testable import StandInServer

/// A source and an empty destination with the same metadata, and a shell between them.
final class TwoServers {
  let source: StandIn
  let destination: StandIn
  let shell: Shell
  let dataSets: [String]
  let root: String
  let districts: [String]

  static let units = 60

  /// - Parameters:
  ///   - values: how many the source holds, in 2022.
  ///   - sourceUnits: how many organisation units the source has instead; their ids are others.
  ///   - change: more options of both.
  init(
    _ from: StandInServer.ServerVersion = .v42, _ to: StandInServer.ServerVersion = .v42, values: Int = 3000,
    sourceUnits: Int? = nil, environment: [String: String] = [:], change: (inout StandInOptions) -> Void = { _ in }
  ) throws {
    var options = StandInOptions()
    options.generatedUnits = Self.units
    options.years = 2022...2022
    options.asyncDelaySeconds = 0.5
    change(&options)
    options.version = to
    destination = try StandIn(options)
    options.version = from
    options.generatedValues = values
    if let sourceUnits { options.generatedUnits = sourceUnits }
    source = try StandIn(options)
    source.start()
    destination.start()
    let metadata = Country.metadata(units: Self.units, seed: options.seed)
    dataSets = metadata.dataSets.map(\.uid)
    root = metadata.organisationUnits[0].uid
    districts = metadata.organisationUnits.filter { $0.level == 2 }.map(\.uid)
    shell = Shell(
      ["SRC": source.url, "DST": destination.url, "DS": dataSets.joined(separator: ","), "ROOT": root]
        .merging(environment) { $1 })
  }

  deinit {
    source.stop()
    destination.stop()
  }

  /// Pulls all that the source holds of the year.
  static let pullAll =
    "d2-pull --url $SRC --data-set $DS --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --include-deleted"

  func fail(source specification: String) throws { source.add(faults: try Fault(parsing: specification)) }
  func fail(destination specification: String) throws { destination.add(faults: try Fault(parsing: specification)) }

  /// What a server holds, without what every server stamps itself.
  static func content(_ server: StandIn) -> [String] {
    server.values.split(separator: "\n").map { line in
      guard case .object(let members)? = try? JSONValue(parsing: String(line)) else { return String(line) }
      let stamps: Set<String> = ["created", "lastUpdated", "storedBy"]
      return JSONValue.object(members.filter { !stamps.contains($0.key) }).text
    }
  }

  /// Whether both hold the same values.
  var destinationEqualsSource: Bool { Self.content(source) == Self.content(destination) }

  /// The totals that d2-push printed last: `read 10 = 7 imported + …`.
  static func totals(_ errors: String) -> [String: Int] {
    guard let line = errors.split(separator: "\n").last(where: { $0.contains(": read ") }) else { return [:] }
    var totals: [String: Int] = [:]
    let words = line.split(separator: " ")
    for (position, word) in words.enumerated().dropLast() {
      guard let number = Int(word) else { continue }
      let isKept = words[position + 1] == "not" && words.dropFirst(position + 2).first?.hasPrefix("kept") == true
      totals[isKept ? "kept" : words[position + 1].split(separator: ";")[0].description] = number
      if position > 0, words[position - 1] == "read" { totals["read"] = number }
    }
    let parts = ["imported", "updated", "deleted", "ignored", "refused", "not", "kept", "queued"].reduce(0) {
      $0 + (totals[$1] ?? 0)
    }
    // Counts that do not add up are no totals.
    return parts == totals["read"] ? totals : [:]
  }

  /// Of such totals: what the server stored or deleted.
  static func taken(_ totals: [String: Int]) -> Int {
    ["imported", "updated", "deleted"].reduce(0) { $0 + (totals[$1] ?? 0) }
  }
}
