import D2Client
import D2Common
import D2Ledger
import D2Store

extension ReportData {
  /// The content of the page, for programs.
  var json: JSONValue {
    [
      "pair": .string(pair), "source": .string(source), "destination": .string(destination), "made": time(made),
      "slices": .int(states.total), "percent": .int(states.percent), "states": states.json, "values": values.json,
      "throughput": throughput.json, "secondsLeft": .int(orNull: secondsLeft.map { Int($0) }), "heatMap": heatMap.json,
      "parked": json(of: parked), "retried": json(of: retried), "refused": json(of: refusals),
      "slowest": .array(slowest.map { slow($0) }), "dataSets": .array(dataSets.map(\.json)),
    ]
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
        .init("finished", slice.finishedAt.map(time) ?? .null),
      ])
  }

  private func json(of tally: CauseTally) -> JSONValue {
    let (causes, rest) = tally.top(Self.mostCauses)
    return ["count": .int(tally.total), "others": .int(rest), "causes": .array(causes.map { json(of: $0) })]
  }

  private func json(of cause: Cause) -> JSONValue {
    let texts = cause.texts.top(Self.mostDetails, before: <).items
    let places = cause.places.top(Self.mostDetails, before: Cause.Place.isOrdered).items
    return [
      "cause": .string(cause.pattern), "count": .int(cause.count), "slices": .int(cause.slices),
      "hint": .string(orNull: ErrorCode.atBeginning(of: cause.pattern)?.advice),
      "texts": .array(texts.map { ["text": .string($0.key), "count": .int($0.count)] }),
      "places": .array(
        places.map { place, count in
          ["dataSet": .string(place.dataSet), "periods": .string(place.periods), "count": .int(count)]
        }),
      "examples": .array(cause.examples.map { json(of: $0.slice, $0.count) }),
    ]
  }

  private func json(of slice: Slice, _ count: Int) -> JSONValue {
    .object(
      identity(of: slice) + [
        .init("state", .string(slice.state.rawValue)), .init("count", .int(count)),
        .init("attempts", .int(slice.attempts)), .init("lastStatus", .int(orNull: slice.lastStatus)),
        .init("lastError", .string(orNull: slice.lastError)), .init("rejects", .string(orNull: slice.rejects)),
      ])
  }
}

extension Slice {
  /// The duration of its last attempt.
  var seconds: Int { max(0, ((finishedAt ?? 0) - (startedAt ?? 0)) / 1000) }
}

extension Cause.Place {
  static func isOrdered(_ left: Self, _ right: Self) -> Bool {
    (left.dataSet, left.periods) < (right.dataSet, right.periods)
  }
}

extension StateCounts {
  /// In the order in which a slice passes through them.
  static let shown: [ShownState] = [.waiting, .leased, .retry, .done, .verified, .refused, .failed]

  var json: JSONValue { .object(Self.shown.map { .init($0.rawValue, .int(self[$0])) }) }
}

extension ValueCounts {
  var json: JSONValue { .object(Self.all.map { .init($0.name, .int(self[keyPath: $0.path])) }) }
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
    return [
      "seconds": .int(milliseconds / 1000), "lastHour": json(lastHour, at: false),
      "lastDay": json(lastDay, at: false), "stretches": .array(stretches.map { json($0, at: true) }),
    ]
  }
}

extension HeatMap {
  var json: JSONValue {
    func json(_ cell: Cell) -> JSONValue {
      [
        "column": .int(cell.columns.lowerBound), "span": .int(cell.columns.count),
        "first": .string(cell.periods.lowerBound), "last": .string(cell.periods.upperBound),
        "states": cell.states.json,
      ]
    }
    func json(_ row: Row) -> JSONValue {
      [
        "dataSet": .string(row.dataSet), "allTime": row.allTime.json, "increments": row.increments.json,
        "cells": .array(row.cells.map { json($0) }),
      ]
    }
    return [
      "columns": .array(axis.columns.map { ["year": .string($0.year), "months": .string($0.label)] }),
      "rows": .array(rows.map { json($0) }), "leftOut": .int(leftOut),
    ]
  }
}

extension ReportData.DataSetLine {
  var json: JSONValue {
    [
      "id": .string(uid), "name": .string(name), "active": .bool(isActive), "periodType": .string(orNull: periodType),
      "syncedThrough": .string(orNull: syncedThrough?.iso8601), "slices": .int(states.total),
      "percent": .int(states.percent),
      "states": states.json, "values": values.json,
    ]
  }
}
