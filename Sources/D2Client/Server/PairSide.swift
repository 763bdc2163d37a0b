import D2Common

/// The side of a pair.
package enum PairSide: String, Sendable, CaseIterable {
  case source, destination

  package static let option = Option(
    "--side", as: .one(of: PairSide.self),
    help:
      "Read this server of the pair (default source). With --url: use its credentials from the environment."
  )

  package var other: PairSide { self == .source ? .destination : .source }
}
