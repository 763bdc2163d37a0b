import D2Common

/// `/control/…`: lets tests control and inspect the server, without a sign-in.
struct Control {
  let server: Server

  func answer(_ request: Request) -> Response {
    switch (request.method, request.path) {
    case ("GET", "/control/stats"): return document(server.statistics.json)
    case ("POST", "/control/reset-stats"):
      server.statistics.reset()
      return document(["reset": true])
    case ("GET", "/control/faults"):
      return document(server.faults.document)
    case ("POST", "/control/faults"): return addFaults(request.body)
    case ("DELETE", "/control/faults"):
      server.faults.clear()
      return document(["cleared": true])
    case ("POST", "/control/metadata"):
      do {
        try server.changeMetadata(try JSONValue(reading: request.body))
        return document(["changed": true])
      } catch { return document(["error": .string("\(error)")], status: 400) }
    case ("POST", "/control/clock"): return advanceClock(request.body)
    case ("POST", "/control/analytics"): return runAnalytics(request.body)
    case ("DELETE", "/control/analytics"):
      server.dropAnalytics()
      return document(["dropped": true])
    case ("GET", "/control/values"):
      return Response(
        status: 200, headers: [("Content-Type", "application/x-ndjson")], body: .bytes(server.dumpValues()))
    case ("POST", "/control/values"): return loadValues(request.body)
    case ("DELETE", "/control/values"):
      server.state.withLock { $0.values.removeAll() }
      return document(["cleared": true])
    default: return document(["error": "no such control path; README.md lists them"], status: 404)
    }
  }

  private func document(_ value: JSONValue, status: Int = 200) -> Response {
    let bytes = Array(value.jackson.utf8)
    return Response(status: status, headers: [("Content-Type", "application/json")], body: .bytes(bytes + [0x0A]))
  }

  private func addFaults(_ body: [UInt8]) -> Response {
    do {
      let posted = try JSONValue(reading: body)
      let faults = try (posted.array ?? [posted]).map { try Fault($0) }
      server.faults.add(faults)
      return document(["added": .int(faults.count)])
    } catch { return document(["error": .string("\(error)")], status: 400) }
  }

  private func advanceClock(_ body: [UInt8]) -> Response {
    guard let seconds = (try? JSONValue(reading: body))?["advanceSeconds"]?.int, abs(seconds) < 1 << 32 else {
      return document(["error": "advanceSeconds: a number"], status: 400)
    }
    server.clock.advance(milliseconds: Int64(seconds) * 1000)
    return document(["now": .string(Stamp.local(server.clock.now))])
  }

  private func runAnalytics(_ body: [UInt8]) -> Response {
    let seconds = (try? JSONValue(reading: body))?["secondsAgo"]?.int ?? 0
    let time = server.clock.now - Int64(seconds) * 1000
    server.runAnalytics(at: time)
    return document(["lastAnalyticsTableSuccess": .string(Stamp.local(server.localTime.local(time)))])
  }

  private func loadValues(_ body: [UInt8]) -> Response {
    do { return document(["stored": .int(try server.loadValues(body))]) } catch {
      return document(["error": .string("\(error)")], status: 400)
    }
  }
}
