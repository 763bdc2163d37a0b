import Glibc

/// A supposition about what a server does of several requests at a time.
struct ServerCapacity: Sendable {
  /// So many at a time are as quick as one alone; more share what these get.
  let requests: Double
  /// By how much more than that they hinder each other, as an exponent; 0 where they only share.
  let hindrance: Double

  static let suppositions = [1, 1.25, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32].flatMap { requests in
    [0, 0.4, 0.8].map { ServerCapacity(requests: requests, hindrance: $0) }
  }
  /// The numbers of requests that are tried.
  static let levels = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
  /// How far a server is from what it was, as a logarithm.
  private static let spread = 0.7
  /// Fewer requests that do nearly as much are better: others use the server too.
  private static let nearly = 1.03

  /// What is supposed where so many at a time were best a while ago.
  static func prior(expected: Int) -> [Double] {
    suppositions.map { supposition in
      let distance = log(supposition.requests / Double(expected)) / spread
      return -distance * distance / 2
    }
  }

  /// What a request takes among so many, as a multiple of what it takes alone.
  func slowdown(_ running: Double) -> Double {
    running <= requests ? 1 : pow(running / requests, 1 + hindrance)
  }

  /// The place of the level at which the least is lost of what the server could do.
  static func best(of levels: [Int], _ candidates: [CurveFit.Candidate]) -> Int {
    var losses = Array(repeating: 0.0, count: levels.count)
    for candidate in candidates {
      let work = levels.map { Double($0) / suppositions[candidate.curve].slowdown(Double($0)) }
      let most = work.max() ?? 1
      for place in losses.indices { losses[place] += candidate.probability * most / work[place] }
    }
    let least = losses.min() ?? 0
    return losses.firstIndex { $0 <= nearly * least } ?? 0
  }
}
