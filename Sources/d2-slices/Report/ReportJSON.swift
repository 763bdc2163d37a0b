import D2Client
import D2Common
import D2Ledger
import D2Store

extension ReportData {
  /// The same as the page tells, for programs.
  var json: JSONValue {
    .object([
      .init("pair", .string(pair)), .init("source", .string(source)), .init("destination", .string(destination)),
      .init("made", time(made)), .init("slices", .int(states.total)), .init("percent", .int(states.percent)),
      .init("states", states.json), .init("values", values.json), .init("throughput", throughput.json),
      .init("secondsLeft", secondsLeft.map { .int(Int($0)) } ?? .null), .init("heatMap", heatMap.json),
      .init("parked", json(of: parked)), .init("retried", json(of: retried)), .init("refused", json(of: refusals)),
      .init("slowest", .array(slowest.map { slow($0) })), .init("dataSets", .array(dataSets.map(\.json))),
    ])
  }

  private func time(_ milliseconds: Int) -> JSONValue { .string(Shown.iso8601(milliseconds: milliseconds)) }

  private func identity(of slice: Slice) -> [JSONValue.Member] {
    [
      .init("id", .int(slice.id)), .init("dataSet", .string(slice.dataSet)), .init("periods", .string(slice.periods)),
      .init("since", .string(slice.since)), .init("orgUnits", .array(slice.orgUnits.map { .string($0) })),
    ]
  }

  private func slow(_ slice: Slice) -> JSONValue {
    .object(
      identity(of: slice) + [
        .init("state", .string(slice.state.rawValue)), .init("seconds", .int(slice.seconds)),
        .init("pulled", .int(slice.counts.pulled ?? 0)), .init("wireBytes", .int(slice.counts.wireBytes ?? 0)),
        .init("finished", slice.finishedAt.map { time($0) } ?? .null),
      ])
  }

  private func json(of tally: CauseTally) -> JSONValue {
    let (causes, rest) = tally.top(Self.mostCauses)
    return .object([
      .init("count", .int(tally.total)), .init("others", .int(rest)),
      .init("causes", .array(causes.map { json(of: $0) })),
    ])
  }

  private func json(of cause: Cause) -> JSONValue {
    let texts = cause.texts.top(Self.mostDetails, before: <)
    let places = cause.places.top(Self.mostDetails, before: Cause.Place.isOrdered)
    return .object([
      .init("cause", .string(cause.pattern)), .init("count", .int(cause.count)), .init("slices", .int(cause.slices)),
      .init("hint", ErrorCode.atBeginning(of: cause.pattern).map { .string($0.advice) } ?? .null),
      .init(
        "texts", .array(texts.items.map { .object([.init("text", .string($0.key)), .init("count", .int($0.count))]) })),
      .init(
        "places",
        .array(
          places.items.map {
            .object([
              .init("dataSet", .string($0.key.dataSet)), .init("periods", .string($0.key.periods)),
              .init("count", .int($0.count)),
            ])
          })),
      .init(
        "examples",
        .array(
          cause.examples.map { example in
            .object(
              identity(of: example.slice) + [
                .init("state", .string(example.slice.state.rawValue)), .init("count", .int(example.count)),
                .init("attempts", .int(example.slice.attempts)),
                .init("lastStatus", example.slice.lastStatus.map { .int($0) } ?? .null),
                .init("lastError", example.slice.lastError.map { .string($0) } ?? .null),
                .init("rejects", example.slice.rejects.map { .string($0) } ?? .null),
              ])
          })),
    ])
  }
}

extension Slice {
  /// How long its last attempt took.
  var seconds: Int { max(0, ((finishedAt ?? 0) - (startedAt ?? 0)) / 1000) }
}

extension Cause.Place {
  static func isOrdered(_ left: Self, _ right: Self) -> Bool {
    (left.dataSet, left.periods) < (right.dataSet, right.periods)
  }
}

extension StateCounts {
  /// In the order in which a slice goes through them.
  static let shown: [ShownState] = [.waiting, .leased, .retry, .done, .verified, .refused, .failed]

  var json: JSONValue { .object(Self.shown.map { .init($0.rawValue, .int(self[$0])) }) }
}

extension ValueCounts {
  var json: JSONValue {
    .object([
      .init("pulled", .int(pulled)), .init("taken", .int(taken)), .init("ignored", .int(ignored)),
      .init("refused", .int(refused)), .init("notSent", .int(notSent)), .init("queued", .int(queued)),
      .init("wireBytes", .int(wireBytes)),
    ])
  }
}

extension Throughput {
  var json: JSONValue {
    func json(_ stretch: Ledger.Stretch, at start: Bool) -> JSONValue {
      .object(
        (start ? [.init("start", .string(Shown.iso8601(milliseconds: stretch.start)))] : []) + [
          .init("slices", .int(stretch.slices)), .init("pulled", .int(stretch.pulled)),
          .init("refused", .int(stretch.refused)),
        ])
    }
    return .object([
      .init("seconds", .int(milliseconds / 1000)), .init("lastHour", json(lastHour, at: false)),
      .init("lastDay", json(lastDay, at: false)), .init("stretches", .array(stretches.map { json($0, at: true) })),
    ])
  }
}

extension HeatMap {
  var json: JSONValue {
    func json(_ cell: Cell) -> JSONValue {
      .object([
        .init("column", .int(cell.columns.lowerBound)), .init("span", .int(cell.columns.count)),
        .init("first", .string(cell.periods.lowerBound)), .init("last", .string(cell.periods.upperBound)),
        .init("states", cell.states.json),
      ])
    }
    func json(_ row: Row) -> JSONValue {
      .object([
        .init("dataSet", .string(row.dataSet)), .init("allTime", row.allTime.json),
        .init("increments", row.increments.json), .init("cells", .array(row.cells.map { json($0) })),
      ])
    }
    return .object([
      .init(
        "columns",
        .array(axis.columns.map { .object([.init("year", .string($0.year)), .init("months", .string($0.label))]) })),
      .init("rows", .array(rows.map { json($0) })), .init("leftOut", .int(leftOut)),
    ])
  }
}

extension ReportData.DataSetLine {
  var json: JSONValue {
    .object([
      .init("id", .string(uid)), .init("name", .string(name)), .init("active", .bool(isActive)),
      .init("periodType", periodType.map { .string($0) } ?? .null),
      .init("syncedThrough", syncedThrough.map { .string($0.iso8601) } ?? .null), .init("slices", .int(states.total)),
      .init("percent", .int(states.percent)), .init("states", states.json), .init("values", values.json),
    ])
  }
}
