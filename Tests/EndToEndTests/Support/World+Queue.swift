import D2Common
import Glibc

@testable import StandInServer

/// A world with a queue in front of the destination.
extension World {
  var queue: DispatcherStandIn {
    guard let givenQueue else { fatalError("this world has no queue") }
    return givenQueue
  }

  /// Starts the queue, which knows the servers as `national` and `repo`.
  static func queue(
    _ flavour: DispatcherOptions.Flavour, _ source: StandIn, _ destination: StandIn,
    _ change: (inout DispatcherOptions) -> Void
  ) throws -> DispatcherStandIn {
    var options = DispatcherOptions()
    options.flavour = flavour
    options.servers = [
      .init("national", url: source.url), .init("repo", url: destination.url + "/api/dataValueSets"),
    ]
    options.servers[1].parsesAnswers = false
    options.retryAfterSeconds = 0.2
    change(&options)
    let queue = try DispatcherStandIn(options)
    queue.start()
    return queue
  }

  /// Two servers with a queue between them, and the results of `prepareValues`.
  convenience init(
    queueing flavour: DispatcherOptions.Flavour, _ to: Version = .v42, values: Int = 500,
    change: (inout DispatcherOptions) -> Void = { _ in }
  ) throws {
    try self.init(.v42, to, values: values, queue: flavour, changeQueue: change)
    let made = prepareValues()
    guard made.status == 0 else { fatalError("no values: \(made.errors)") }
  }

  static func environment(of queue: DispatcherStandIn, _ flavour: DispatcherOptions.Flavour) -> [String: String] {
    [
      "QUEUE": queue.url, "VIA": flavour == .c ? "dispatcher2" : "go-dispatcher2", "D2_DISPATCHER_USERNAME": "queuer",
      "D2_DISPATCHER_PASSWORD": "secret",
    ]
  }

  /// d2-push to the queue, as a user types it.
  static let pushToQueue = "d2-push --via $VIA --dispatcher-url $QUEUE --source national --destination repo"

  /// Writes the values of the source to the file `values`, in any order, and the names of its units to `units`.
  func prepareValues() -> Shell.Outcome {
    run(
      """
      \(Self.pullAll) --quiet | jq -c 'select(.deleted != true)' | shuf --random-source=<(yes) > values
      curl -s -u admin:district "$SRC/api/organisationUnits?fields=id,name,code&paging=false" | jq -c '.organisationUnits[]' > units
      [ -s values ] && [ -s units ]
      """)
  }

  /// Waits until the queue has delivered everything, at most half a minute.
  func waitForDelivery() {
    for _ in 0..<3000 where !queue.isIdle { usleep(10_000) }
  }

  /// Whether the destination has exactly the values in the file `values`.
  var hasArrived: Bool {
    func key(_ json: JSONValue) -> String {
      ["dataElement", "period", "orgUnit", "categoryOptionCombo", "attributeOptionCombo", "value"]
        .map { json[$0]?.string ?? "" }.joined(separator: " ")
    }
    func keys(_ text: String) -> [String] {
      text.split(separator: "\n").compactMap { try? JSONValue(parsing: String($0)) }.map(key).sorted()
    }
    return keys(shell.file("values")) == keys(destination.values)
  }

  /// The faults of the queue's requests. Each must contain one data set, period and unit, and name them.
  func faults(ofNames names: [String: String]) -> [String] {
    var faults: [String] = []
    for request in queue.requests {
      let parameters = request["parameters"] ?? [:]
      let body = request["body"]?.string ?? ""
      let values = (try? JSONValue(parsing: body))?["dataValues"]?.array ?? []
      let periods = Set(values.compactMap { $0["period"]?.string })
      let units = Set(values.compactMap { $0["orgUnit"]?.string })
      let sets = Set(values.compactMap { $0["dataSet"]?.string })
      let isOne = !values.isEmpty && periods.count == 1 && units.count == 1 && sets.count == 1
      let period = periods.first ?? ""
      var expected: [JSONValue.Member] = [
        .init("source", "national"), .init("destination", "repo"), .init("year", .string(String(period.prefix(4)))),
      ]
      if period.count == 6, let month = Int(period.suffix(2)) { expected.append(.init("month", .string("\(month)"))) }
      if let week = period.split(separator: "W").last, period.contains("W") {
        expected.append(.init("week", .string(String(week))))
      }
      expected += [
        .init("period", .string(period)), .init("facility", .string(names[units.first ?? ""] ?? "?")),
        .init("report_type", .string(sets.first ?? "")), .init("is_qparams", "f"),
      ]
      if !isOne || parameters != .object(expected) { faults.append("\(parameters.text) for \(body.prefix(300))") }
      if request["contentType"]?.string != "application/json" { faults.append("content type") }
    }
    return faults
  }

  /// The names in a file of units.
  func names(_ file: String = "units") -> [String: String] {
    var names: [String: String] = [:]
    for line in shell.file(file).split(separator: "\n") {
      guard let unit = try? JSONValue(parsing: String(line)), let id = unit["id"]?.string else { continue }
      names[id] = unit["name"]?.string
    }
    return names
  }
}
