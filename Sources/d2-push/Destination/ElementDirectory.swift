import D2Client
import D2Common
import Synchronization

/// The destination's metadata about the data elements in the input. It asks once for each element, many in one request,
/// and keeps the answers for the run.
final class ElementDirectory: Sendable {
  private struct State {
    var known: [String: ElementTraits] = [:]
    var asked: Set<String> = []
    /// Elements that were not in the input yet.
    var expected: [String: ElementTraits] = [:]
    var isSilent = false
    var hasToldOfFiles = false
  }

  private let client: DHIS2Client
  private let state = Mutex(State())

  /// - Parameter asks: whether to ask the server at all.
  init(_ client: DHIS2Client, asks: Bool) {
    self.client = client
    state.withLock { $0.isSilent = !asks }
  }

  /// Prepares for values of a data set: asks for its elements before the first value waits for them. If the server does
  /// not answer, it asks again when values are there.
  func expect(dataSet: String) {
    state.withLock { state in
      guard !state.isSilent else { return }
      let fields = "id,dataSetElements[dataElement[\(ElementTraits.fields)]]"
      try? client.forEachObject([dataSet], in: "dataSets", fields: fields) { set in
        for element in set["dataSetElements"]?.array?.compactMap({ $0["dataElement"] }) ?? [] {
          if let id = element["id"]?.string { state.expected[id] = ElementTraits(element) }
        }
      }
    }
  }

  /// The traits of elements, by uid, except those that the server does not report. The first caller that asks for an
  /// element waits for the answer, and so do the others.
  func traits(of elements: [String]) -> [String: ElementTraits] {
    state.withLock { state in
      var new = Set(elements).subtracting(state.asked).filter(UID.canBe).sorted()
      for id in new { if let traits = state.expected.removeValue(forKey: id) { note(id, traits, &state) } }
      new.removeAll { state.known[$0] != nil }
      if !new.isEmpty, !state.isSilent { ask(new, &state) }
      return state.known
    }
  }

  private func ask(_ elements: [String], _ state: inout State) {
    state.asked.formUnion(elements)
    do {
      try client.forEachObject(elements, in: "dataElements", fields: ElementTraits.fields) { element in
        if let id = element["id"]?.string { note(id, ElementTraits(element), &state) }
      }
    } catch {
      // If the server has a problem with the request, it will report the same problem for the values.
      client.log.debug("\(error); values that the destination does not keep are not known")
      state.isSilent = true
    }
  }

  private func note(_ id: String, _ traits: ElementTraits, _ state: inout State) {
    state.asked.insert(id)
    state.known[id] = traits
    guard traits.contains(.holdsFiles), !state.hasToldOfFiles else { return }
    state.hasToldOfFiles = true
    client.log.warning(
      "the data element \(id) holds files, which do not travel with data values: such values are refused and not sent"
    )
  }
}
