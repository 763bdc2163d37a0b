import D2Common

extension FuzzTarget {
  /// A printed number is read as the same number, and sums do not depend on their order.
  static let decimal = FuzzTarget(name: "decimal") { input in
    let parts = input.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false).map { Decimal($0) }
    for case let number? in parts {
      // The printed form of a number with an exponent may have too many digits to be read.
      guard let again = Decimal(Array(number.description.utf8)) else {
        mustHold(number.description.utf8.count > 36, "\(number) can be read again")
        continue
      }
      mustHold(again.description == number.description, "\(number) is printed as \(again)")
      mustHold((number + again)?.description == (again + number)?.description, "\(number) and itself")
    }
    guard parts.count == 2, let left = parts[0], let right = parts[1] else { return }
    mustHold((left + right)?.description == (right + left)?.description, "\(left) and \(right)")
  }
}
