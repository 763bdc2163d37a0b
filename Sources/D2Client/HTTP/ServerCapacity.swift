import Glibc

/// A supposition about what a server does of several requests at a time.
package struct ServerCapacity: Sendable {
  /// So many at a time are as quick as one alone; more share what these get.
  package let requests: Double
  /// By how much more than that they hinder each other, as an exponent; 0 if they only share.
  package let hindrance: Double

  /// No more than the last one are ever tried.
  package static let suppositions =
    [1, 1.25, 1.5, 2, 3, 4, 6, 8, 12].flatMap { requests in
      [0, 0.4, 0.8].map { ServerCapacity(requests: requests, hindrance: $0) }
    } + [unlimited]
  package static let unlimited = ServerCapacity(requests: 16, hindrance: 0)
  /// The numbers of requests that are tried.
  static let levels = [1, 2, 3, 4, 6, 8, 12, 16]
  /// How far a server is from what it was, as a logarithm.
  private static let spread = 0.7
  /// Fewer requests that do nearly as much are better: others use the server too.
  private static let nearly = 1.03

  /// What is supposed if so many at a time were best a while ago: the logarithm of each one's probability.
  package static func prior(expected: Int?) -> [Double] {
    suppositions.map { supposition in
      guard let expected else { return 0 }
      let distance = log(supposition.requests / Double(expected)) / spread
      return -distance * distance / 2
    }
  }

  /// What a request takes among so many, as a multiple of what it takes alone.
  package func slowdown(_ running: Double) -> Double {
    running <= requests ? 1 : pow(running / requests, 1 + hindrance)
  }

  /// What is lost with so many requests at a time, of what the server could do: 1 if nothing is.
  static func losses(of levels: [Int], _ candidates: [CurveFit.Candidate]) -> [Double] {
    var losses = Array(repeating: 0.0, count: levels.count)
    for candidate in candidates {
      let work = levels.map { Double($0) / suppositions[candidate.curve].slowdown(Double($0)) }
      let most = work.max() ?? 1
      for place in losses.indices { losses[place] += candidate.probability * most / work[place] }
    }
    return losses
  }

  /// The place of the level at which the least is lost.
  static func best(_ losses: [Double]) -> Int {
    let least = losses.min() ?? 0
    return losses.firstIndex { $0 <= nearly * least } ?? 0
  }
}
