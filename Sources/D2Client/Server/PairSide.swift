import D2Common

/// Which server of a pair is read.
package enum PairSide: String, Sendable, CaseIterable {
  case source, destination

  package static let option = Option(
    "--side", value: "source|destination",
    help:
      "Which server of the pair is read (default source): for comparisons. With --url: whose credentials of the environment are used."
  )

  /// - Throws: `CommandFailure`, 64.
  package init(_ arguments: Arguments) throws(CommandFailure) {
    let name = try arguments.choice("--side", Self.allCases.map(\.rawValue))
    self = name.flatMap(PairSide.init(rawValue:)) ?? .source
  }

  package var other: PairSide { self == .source ? .destination : .source }
}
