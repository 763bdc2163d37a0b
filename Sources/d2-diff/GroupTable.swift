import D2Common

/// A group of the summary.
struct Group: Hashable, Comparable {
  var dataSet: String
  var period: String
  var orgUnit: String

  static func < (left: Group, right: Group) -> Bool {
    (left.dataSet, left.period, left.orgUnit) < (right.dataSet, right.period, right.orgUnit)
  }
}

/// The groups of one side, by number.
struct GroupTable {
  private(set) var groups: [Group] = []
  private var numbers: [Group: UInt32] = [:]

  mutating func number(
    of line: DataValueLine, _ isRegistration: Bool, _ ancestors: [String: String]
  ) -> UInt32 {
    let unit = line.text(.orgUnit) ?? line.text(.organisationUnit) ?? ""
    let group = Group(
      dataSet: line.text(.dataSet) ?? "", period: line.text(.period) ?? "", orgUnit: ancestors[unit] ?? unit)
    if let number = numbers[group] { return number }
    let number = UInt32(groups.count)
    groups.append(group)
    numbers[group] = number
    return number
  }
}
