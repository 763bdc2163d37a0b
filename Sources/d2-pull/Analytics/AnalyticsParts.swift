import D2Client
import D2Common
import Synchronization

/// Divides grids into parts, which are requested one after the other. The parts are as large as the server can bear.
///
/// The server computes the whole answer before the first byte, and holds it in memory. So a request for a country's
/// year can take half a minute or more (docs/dhis2-servers.md, trap 33). Only its answers show how much it sums in a
/// second.
final class AnalyticsParts: RequestSource, RequestDividing {
  /// A box of one of the grids.
  typealias Place = (grid: Int, box: AnalyticsGrid.Box)

  private struct State {
    /// The boxes that are not requested yet, with the next one last.
    var waiting: [Place]
    /// The largest weight of a part.
    var size = AnalyticsParts.firstSize
    /// The highest share of cells with a value so far, or nearly. If most cells are empty, parts can be larger.
    var fill = 0.0
    var taken = 0
  }

  private let grids: [AnalyticsGrid]
  private let options: AnalyticsOptions
  private let dataSet: String?
  private let ids: OutputIDs
  private let state: Mutex<State>

  /// About two seconds of a small server.
  private static let firstSize = 5000
  private static let leastSize = 100
  /// Servers refuse more than 100,000 values by default (E7128).
  private static let mostValues = 90_000.0
  /// One measurement is not reliable, so this limits how much the next part may grow or shrink.
  private static let mostGrowth = 4.0
  private static let mostShrinkage = 0.5

  init(_ grids: [AnalyticsGrid], _ options: AnalyticsOptions, dataSet: String?, ids: OutputIDs = OutputIDs()) {
    self.ids = ids
    self.grids = grids
    self.options = options
    self.dataSet = dataSet
    var waiting: [Place] = []
    let besides = options.passedOn.reduce(0) { $0 + $1.name.utf8.count + Query.encoded($1.value).utf8.count + 2 }
    for (number, grid) in grids.enumerated() {
      waiting += grid.addressable(besides: besides).map { (number, $0) }
    }
    state = Mutex(State(waiting: waiting.reversed()))
  }

  private func weight(_ place: Place) -> Int { grids[place.grid].weight(place.box) }

  private func cut(_ place: Place, share: Double = 0.5) -> (Place, Place)? {
    grids[place.grid].cut(place.box, share: share).map { ((place.grid, $0.0), (place.grid, $0.1)) }
  }

  private func request(_ place: Place) -> PullRequest {
    PullRequest(
      export: grids[place.grid].request(place.box, passedOn: options.passedOn), dataSet: dataSet,
      sieve: ValueSieve(notBefore: nil), part: place, ids: ids)
  }

  // MARK: One after the other

  func next() -> PullRequest? {
    state.withLock { state in
      guard var place = state.waiting.popLast() else { return nil }
      while weight(place) > state.size,
        let (first, rest) = cut(place, share: Double(state.size) / Double(weight(place)))
      {
        state.waiting.append(rest)
        place = first
      }
      state.taken += 1
      return request(place)
    }
  }

  /// How many parts there will be, at the current size.
  var planned: Int {
    state.withLock { state in
      state.taken + state.waiting.reduce(0) { $0 + max(1, weight($1) / max(1, state.size)) }
    }
  }

  func answered(_ request: PullRequest, _ answer: ExportAnswer) {
    guard let place = request.part else { return }
    let weight = Double(weight(place))
    state.withLock { state in
      state.fill = max(state.fill, Double(answer.items) / weight)
      let wanted = weight * options.partSeconds / max(answer.firstByteSeconds, 0.001)
      let size = Double(state.size)
      // A part that is smaller than others only shows that it was fast.
      guard wanted < size || weight * Self.mostGrowth > size else { return }
      let next = min(max(wanted, size * Self.mostShrinkage), size * Self.mostGrowth)
      state.size = Int(max(Double(Self.leastSize), min(next, Self.mostValues / max(state.fill, 0.01))))
    }
  }

  // MARK: Less at a time

  func canDivide(_ request: PullRequest) -> Bool { request.part.map { cut($0) != nil } ?? false }

  func weight(of request: PullRequest) -> Int { request.part.map { weight($0) } ?? 0 }

  func parts(of request: PullRequest) throws -> [PullRequest] {
    guard let place = request.part, let (first, second) = cut(place) else { return [] }
    state.withLock { $0.size = max(Self.leastSize, min($0.size, weight(place) / 2)) }
    return [self.request(first), self.request(second)]
  }
}
