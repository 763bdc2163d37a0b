/// A limit: a number, or a percentage of a total.
package enum Quota: Equatable, Sendable, CustomStringConvertible {
  case number(Int)
  case percent(Double)

  /// The default limit of deletions.
  package static let usualDeletion = Quota.percent(1)

  /// Parses `12` or `1%`.
  package init?(_ text: String) {
    if text.hasSuffix("%"), let share = Double(text.dropLast()), (0...100).contains(share) {
      self = .percent(share)
    } else if let number = Int(text), number >= 0 {
      self = .number(number)
    } else {
      return nil
    }
  }

  package func isExceeded(by part: Int, of whole: Int) -> Bool {
    switch self {
    case .number(let most): part > most
    case .percent(let share): Double(part) > Double(whole) * share / 100
    }
  }

  package var description: String {
    switch self {
    case .number(let most): "\(most)"
    case .percent(let share): share == share.rounded() ? "\(Int(share))%" : "\(share)%"
    }
  }
}
