import D2Common

/// Recognises addresses of DHIS2's pages and resources, as users copy them from a browser. The part before is the
/// server's own address.
enum DHIS2Page {
  /// Removes the segments that belong to a page, a resource or the Web API.
  ///
  /// - Parameters:
  ///   - segments: the segments of the path.
  ///   - pages: whether to remove pages and resources too.
  /// - Returns: whether it removed a page or a resource.
  static func cutOff(_ segments: inout [Substring], pages: Bool) -> Bool {
    var isPage = false
    while true {
      // Twice, if somebody added /api to an address that already had it. Otherwise the normal form would have another
      // one.
      if let api = segments.lastIndex(of: "api"), segments[(api + 1)...].allSatisfy({ $0.allSatisfy(\.isNumber) }),
        segments.count - api <= 2
      {
        segments.removeSubrange(api...)
      } else if pages, let page = segments.indices.first(where: { begins(segments[$0...]) }) {
        segments.removeSubrange(page...)
        isPage = true
      } else {
        return isPage
      }
    }
  }

  private static func begins(_ rest: ArraySlice<Substring>) -> Bool {
    let first = rest.first!
    if first.hasPrefix("dhis-web-") { return true }
    var next = rest.dropFirst().first.map { $0.prefix { $0 != "." } }
    switch first {
    // From 2.42 on. Something else could have this name too.
    case "apps": return next == nil || apps.contains(next!)
    case "login", "login.html", "index.html", "index.action", "login.action": return next == nil
    case "api":
      if let version = next, version.allSatisfy(\.isNumber) {
        next = rest.dropFirst(2).first.map { $0.prefix { $0 != "." } }
      }
      return next.map { resources.contains($0) } ?? false
    default: return false
    }
  }

  private static let apps: Set<Substring> = [
    "aggregate-data-entry", "app-management", "approval", "cache-cleaner", "capture", "dashboard",
    "data-administration",
    "data-approval", "data-entry", "data-quality", "data-visualizer", "datastore", "event-reports", "event-visualizer",
    "global-shell", "import-export", "interpretation", "line-listing", "login", "maintenance", "maps",
    "menu-management", "messaging", "reports", "scheduler", "settings", "sms-configuration", "system-settings",
    "tracker-capture", "translations", "usage-analytics", "user", "user-profile", "users",
  ]

  private static let resources: Set<Substring> = [
    "analytics", "apps", "categoryOptionCombos", "completeDataSetRegistrations", "dataElements", "dataSets",
    "dataValueSets", "dataValues", "me", "metadata", "organisationUnits", "resources", "schemas", "system",
  ]
}
