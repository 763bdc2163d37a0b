import Glibc

/// A supposition about how a server handles concurrent requests.
package struct ServerCapacity: Sendable {
  /// Up to this many requests are as fast as one alone; more share the same capacity.
  package let requests: Double
  /// How much further requests hinder each other, as an exponent; 0 if they only share.
  package let hindrance: Double

  /// The suppositions. Numbers above the last one are never tried.
  package static let suppositions =
    [1, 1.25, 1.5, 2, 3, 4, 6, 8, 12].flatMap { requests in
      [0, 0.4, 0.8].map { ServerCapacity(requests: requests, hindrance: $0) }
    } + [unlimited]
  package static let unlimited = ServerCapacity(requests: 16, hindrance: 0)
  /// The numbers of requests to try.
  static let levels = [1, 2, 3, 4, 6, 8, 12, 16]
  /// How far a server differs from the expected number, as a logarithm.
  private static let spread = 0.2
  /// The relative probability that the expected number says nothing: others use the server now, or its cores.
  private static let doubt = 0.03
  /// A smaller number that is nearly as good is better, because others use the server too.
  private static let nearly = 1.03

  /// The logarithm of each supposition's probability, if this number was the best a while ago, or if the server's cores
  /// suggest it.
  package static func prior(expected: Int?) -> [Double] {
    suppositions.map { supposition in
      guard let expected else { return 0 }
      let distance = log(supposition.requests / Double(expected)) / spread
      return log(exp(-distance * distance / 2) + doubt)
    }
  }

  /// How much longer a request takes among this many, compared with one alone.
  package func slowdown(_ running: Double) -> Double {
    running <= requests ? 1 : pow(running / requests, 1 + hindrance)
  }

  /// The loss at each number of concurrent requests, compared with the best the server could do: 1 for no loss.
  static func losses(of levels: [Int], _ candidates: [CurveFit.Candidate]) -> [Double] {
    var losses = Array(repeating: 0.0, count: levels.count)
    for candidate in candidates {
      let work = levels.map { Double($0) / suppositions[candidate.curve].slowdown(Double($0)) }
      let most = work.max() ?? 1
      for place in losses.indices { losses[place] += candidate.probability * most / work[place] }
    }
    return losses
  }

  /// The index of the level with the smallest loss.
  static func best(_ losses: [Double]) -> Int {
    let least = losses.min() ?? 0
    return losses.firstIndex { $0 <= nearly * least } ?? 0
  }
}
