import D2Client
import D2Common
import D2Split

/// One answer of a pull, received whole.
struct PullAnswer {
  let export: ExportAnswer
  /// Of the values that the server sent, those that did not go out.
  let kept: ValueSieve.Kept

  /// How many went to the sink.
  var passed: Int { export.items - kept.total }

  /// Asks once and hands the values on while they arrive.
  ///
  /// - Parameters:
  ///   - counts: whether the values count as the run's own; not those of an answer that is only compared or may be
  ///     asked for again.
  ///   - written: told how many values have gone to the sink, also if the answer breaks.
  /// - Throws: `ServerError` for what the server or the network did, with the whole values that arrived in the sink.
  static func receive<Sink: LineSink>(
    _ request: PullRequest, into sink: inout Sink, _ client: DHIS2Client, _ meter: PullMeter, counts: Bool,
    written: @escaping (Int) -> Void = { _ in }, whileWaiting: @escaping () throws -> Void = {}
  ) throws -> PullAnswer {
    var sieved = SievedSink(request.sieve, sink)
    var isWhole = false
    var passed = 0
    defer {
      sink = sieved.sink
      // What is asked for again is counted then.
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

/// Counts lines and forgets them: for an answer that is asked for again only to be compared.
struct ForgettingSink: LineSink {
  mutating func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) {}
}
