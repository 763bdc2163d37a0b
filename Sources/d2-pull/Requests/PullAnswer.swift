import D2Client
import D2Common
import D2Split

/// One answer of a pull, received whole.
struct PullAnswer {
  let export: ExportAnswer
  /// The values that the server sent and the sieve removed.
  let kept: ValueSieve.Kept

  /// How many values went to the sink.
  var passed: Int { export.items - kept.total }

  /// Sends the request once, and passes the values on while they arrive.
  ///
  /// - Parameters:
  ///   - counts: whether the values count as the run's own. Values of an answer that is only compared, or may be
  ///     requested again, do not.
  ///   - written: called with the number of values that went to the sink, even if the answer breaks.
  /// - Throws: `ServerError` for failures of the server or the network, after the whole values that arrived.
  static func receive<Sink: LineSink>(
    _ request: PullRequest, into sink: inout Sink, _ client: DHIS2Client, _ meter: PullMeter, counts: Bool,
    written: @escaping (Int) -> Void = { _ in }, whileWaiting: @escaping () throws -> Void = {}
  ) throws -> PullAnswer {
    var sieved = SievedSink(request.sieve, sink)
    var isWhole = false
    var passed = 0
    defer {
      sink = sieved.sink
      // Values that are requested again are counted then.
      if counts, isWhole || passed > 0 { meter.add(sieved.kept, request.sieve) }
    }
    meter.add { $0.requests += 1 }
    var listener = ExportAnswer.Listener<SievedSink<Sink>>()
    listener.received = { wireBytes in meter.add { $0.wireBytes += wireBytes } }
    listener.split = { bytes, items, sieved in
      let new = items - sieved.kept.total - passed
      passed += new
      meter.add {
        if counts { $0.values += new }
        $0.bytes += bytes
      }
      written(passed)
    }
    listener.waiting = {
      try whileWaiting()
      meter.draw()
    }
    let answer = try ExportAnswer.receive(
      request.export, completion: request.completion, into: &sieved, client, listener)
    isWhole = true
    return PullAnswer(export: answer, kept: sieved.kept)
  }
}

/// Counts lines and discards them, for a repeated answer that is only compared.
struct ForgettingSink: LineSink {
  mutating func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) {}
}
