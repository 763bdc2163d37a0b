/// A release of DHIS2, and how its Web API differs from the others.
public struct ServerVersion: Sendable, Equatable, CustomStringConvertible {
  /// The release in `system/info`, for example `2.42.5.2`.
  public let name: String
  /// The second number of the release: 42 for 2.42.5.2.
  public let minor: Int

  /// Parses a release like `2.40`, `2.42.5.2` or `2.43-SNAPSHOT`; `nil` for other texts, and for releases older than
  /// 2.36.
  public init?(_ name: String) {
    let numbers = name.split(separator: "-")[0].split(separator: ".")
    guard numbers.count >= 2, numbers[0] == "2", let minor = Int(numbers[1]), minor >= 36 else { return nil }
    self.name = name
    self.minor = minor
  }

  /// 2.40.9.1, recorded from a real server.
  public static let v40 = ServerVersion("2.40.9.1")!
  /// 2.42.5.2, recorded from a real server.
  public static let v42 = ServerVersion("2.42.5.2")!
  /// 2.43.1, recorded from a real server.
  public static let v43 = ServerVersion("2.43.1")!

  /// The release.
  public var description: String { name }

  /// 2.43 rewrote import and export of data values: groups by data set, upserts, hoisted keys, clean errors.
  var hasDataEntryPipeline: Bool { minor >= 43 }
  /// 2.40 was recorded on Jetty, later releases on Tomcat. They differ in error pages and in the handling of
  /// connections.
  var runsOnTomcat: Bool { minor >= 41 }
  /// Up to 2.37 import summaries are at the top of the answer, whose status is always 200.
  var answersPlainSummaries: Bool { minor <= 37 }
  /// 2.36 has only the object and the text of a conflict.
  var conflictsHaveCodes: Bool { minor >= 37 }
  /// From 2.39 on the positions of all rejected values are reported.
  var tellsRejectedIndexes: Bool { minor >= 39 }
  /// 2.38 checks access before it opens the stream, and answers 409. 2.39 to 2.42 end with an empty 200.
  var endsRefusedExportsEmpty: Bool { (39...42).contains(minor) }
  /// Up to 2.40 an import keeps `created` and `lastUpdated` of the payload.
  var importKeepsTimes: Bool { minor <= 40 }
  /// From 2.41 an asynchronous import waits for the scheduler's next turn.
  var schedulesAsyncImports: Bool { minor >= 41 }
  /// From 2.42 on, an administrator can demand a token against cross-site requests (`http.security.csrf.enabled`).
  var canDemandCrossSiteToken: Bool { minor >= 42 }
  /// Tokens are `d2pat_…` up to 2.40 and `d2p_…` later.
  var issuesShortTokenPrefix: Bool { minor >= 41 }
  /// The checksum of a token is checked before the token is looked up.
  var checksTokenSums: Bool { minor >= 42 }
  /// From 2.41 on `loginConfig` is public; older servers ask for a sign-in.
  var hasLoginConfig: Bool { minor >= 41 }

  /// The address to which a browser without a session is redirected.
  var loginPath: String {
    switch minor {
    case ...41: "/dhis-web-commons/security/login.action"
    case 42: "/dhis-web-login/"
    default: "/login/"
    }
  }

  /// Tomcat closes the connection after answers that may have left it in an undefined state.
  func dropsConnection(after status: Int) -> Bool {
    runsOnTomcat && [400, 408, 411, 413, 414, 500, 501, 503].contains(status)
  }

  /// The content type of JSON from the application's own converters.
  var jsonType: String { minor <= 40 ? "application/json" : "application/json;charset=UTF-8" }
  /// The content type of an export of data values or registrations.
  var exportType: String { minor <= 40 ? "application/json;charset=utf-8" : "application/json;charset=UTF-8" }
}
