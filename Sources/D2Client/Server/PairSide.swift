import D2Common

/// Which server of a pair is read.
package enum PairSide: String, Sendable, CaseIterable {
  case source, destination

  package static let option = Option(
    "--side", as: .one(of: PairSide.self),
    help:
      "Which server of the pair is read (default source): for comparisons. With --url: whose credentials of the environment are used."
  )

  package var other: PairSide { self == .source ? .destination : .source }
}
