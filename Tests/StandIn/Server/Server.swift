import D2Common
import Synchronization

/// The state that the connections share.
final class Server: Service {
  /// The state that requests change.
  struct State {
    var values = ValueStore()
    var registrations = RegistrationStore()
    var jobs: [String: ImportJob] = [:]
    /// The jobs that run or wait, from 2.41 on; the first one runs.
    var jobLine: [String] = []
    /// `nil` if the analytics job never ran.
    var analytics: AnalyticsTables?
  }

  let version: ServerVersion
  let clock: Clock
  let faults: FaultPlan
  let statistics = Statistics()
  let authentication: Authentication
  let cost: CostModel?
  let cores: Int
  private let costNoise: CostNoise?
  private let startNanoseconds = Clock.steadyNanoseconds()
  let started: Int64
  let asyncDelaySeconds: Double
  let localTime: LocalTime
  let shownTimeZone: String
  /// Whether 2.43 decodes posted data values as US-ASCII.
  let readsASCII: Bool
  let keepAliveSeconds: Double?
  /// Whether each request that changes something needs a token against cross-site requests.
  private let demandsCrossSiteToken: Bool
  /// The limit of values in an analytics answer.
  let analyticsLimit: Int
  let state = Mutex(State())
  private let heldMetadata: Mutex<Metadata>
  private let heldCalendar = Mutex("iso8601")
  private let heldSettings = Mutex(SystemSettings())

  /// The current metadata; tests change it while the server runs.
  var metadata: Metadata { heldMetadata.withLock { $0 } }

  /// The name of the server's calendar; only `/api/system/info` supports others than `iso8601`.
  var calendar: String { heldCalendar.withLock { $0 } }
  var settings: SystemSettings { heldSettings.withLock { $0 } }

  func answerControl(_ request: Request) -> Response { Control(server: self).answer(request) }

  init(_ options: StandInOptions) throws {
    version = options.version
    clock = Clock(startingAt: options.clockStart)
    started = clock.now
    faults = FaultPlan(options.faults)
    asyncDelaySeconds = options.asyncDelaySeconds
    localTime = options.timeZone == LocalTime.utc.name ? .utc : try LocalTime(named: options.timeZone)
    shownTimeZone = options.shownTimeZone ?? localTime.name
    readsASCII = options.readsASCII
    keepAliveSeconds = options.keepAliveSeconds
    demandsCrossSiteToken = options.demandsCrossSiteToken && options.version.canDemandCrossSiteToken
    analyticsLimit = options.analyticsLimit
    var model = options.costModel.flatMap(CostModel.init)
    model?.scale = options.costScale
    model?.cores = options.costCores
    cores = options.costCores
    cost = model
    costNoise = options.costNoise.map(CostNoise.init)

    var users: [User] = []
    let metadata: Metadata
    if let payload = options.metadata {
      let loaded = try MetadataPayload(payload)
      metadata = loaded.metadata
      users = loaded.users
    } else {
      metadata = Country.metadata(units: options.generatedUnits, seed: options.seed)
    }
    heldMetadata = Mutex(metadata)
    let units = metadata.organisationUnits
    let roots = units.indices.filter { units[$0].parent == nil }
    let admin = User.administrator(password: options.adminPassword, units: Array(roots.prefix(1)))
    users.append(admin)
    var random = Random(seed: options.seed &+ 17)
    for (name, password) in options.users.sorted(by: { $0.key < $1.key }) {
      var user = admin
      user.uid = random.uid()
      user.username = name
      user.password = password
      user.firstName = name
      user.code = nil
      users.append(user)
    }
    authentication = Authentication(
      users: users, tokens: Dictionary(options.superuserTokens.map { ($0, "admin") }, uniquingKeysWith: { a, _ in a }),
      version: version, statistics: statistics, seed: UInt64(bitPattern: Clock.machineMilliseconds()))
    if options.generatedValues > 0 {
      let now = clock.now
      state.withLock {
        CountryValues.fill(
          &$0.values, metadata, count: options.generatedValues, years: options.years, seed: options.seed, now: now)
      }
    }
    if let seconds = options.analyticsSecondsAgo { runAnalytics(at: clock.now - Int64(seconds) * 1000) }
  }

  /// How long an import takes that begins now; `nil` without a cost model.
  func importSeconds(values: Int, preheats: Bool) -> Double? {
    guard let cost else { return nil }
    let seconds = cost.importSeconds(values: values, preheats: preheats, concurrent: statistics.running)
    // The drift is measured in minutes of the imitated server.
    let now = Double(Clock.steadyNanoseconds() - startNanoseconds) / 1e9 / cost.scale
    return seconds * (costNoise?.next(atSeconds: now) ?? 1)
  }

  /// Changes the metadata like `POST /control/metadata`.
  func changeMetadata(_ change: JSONValue) throws(MetadataError) {
    try heldMetadata.withLock { (metadata) throws(MetadataError) in
      metadata = try MetadataChange.apply(change, to: metadata)
    }
    if let calendar = change["calendar"]?.string { heldCalendar.withLock { $0 = calendar } }
    heldSettings.withLock { $0.change(change["systemSettings"]) }
  }

  /// Changes the metadata in place, for a request.
  func changeMetadata<Result>(_ change: (inout Metadata) -> Result) -> Result { heldMetadata.withLock { change(&$0) } }

  /// The answer to one request, without faults of the transport.
  func answer(_ request: Request, faults: [Fault], cost: CostOfRequest) -> Response {
    let base = "http://" + (request.header("host") ?? "127.0.0.1")
    if request.path.contains("//") { return ErrorPages.emptySegment(version) }
    guard let call = APICall(request, base: base) else {
      return outsideAPI(request, base: base, cost: cost)
    }
    if call.resource == ["loginConfig"], version.hasLoginConfig { return LoginConfig.answer(version) }
    if demandsCrossSiteToken, let refusal = CrossSiteProtection.refusal(of: request, version, authentication) {
      return refusal
    }
    if let fault = faults.last(where: { $0.kind == .endSessions }) {
      authentication.endSessions(fault.int("status") == 401 ? .unauthorized : .logout)
    }
    if let model = self.cost {
      cost.add((authentication.hashesPassword(request) ? model.loginSeconds : 0) * model.scale)
    }
    switch authentication.signIn(request, base: base) {
    case .refused(let response): return response
    case .user(let user, let session):
      var response = Router(server: self, call: call, user: user, faults: faults, cost: cost).answer()
      response.headers += cookies(session)
      if demandsCrossSiteToken { response.headers += CrossSiteProtection.cookies(for: request, authentication) }
      return response
    }
  }

  /// The cookie of a new session; and from 2.43 on, in each answer, the time when the session ends.
  private func cookies(_ session: String?) -> [(name: String, value: String)] {
    let rules = version.runsOnTomcat ? "; HttpOnly; SameSite=Lax" : ""
    var cookies = session.map { [("Set-Cookie", "JSESSIONID=\($0); Path=/" + rules)] } ?? []
    if version.minor >= 43 {
      let now = clock.now / 1000
      cookies.append(
        (
          "Set-Cookie",
          "SESSION_EXPIRE=server_time=\(now)&expiry_time=\(now + 3600); Path=/; Max-Age=3600; SameSite=Lax"
        ))
    }
    return cookies
  }

  /// Pages for people; only their redirects matter.
  private func outsideAPI(_ request: Request, base: String, cost: CostOfRequest) -> Response {
    if request.path.hasPrefix(version.loginPath) {
      return .text(200, FaultPages.login, type: "text/html;charset=UTF-8")
    }
    switch authentication.signIn(request, base: base) {
    case .refused(let response): return response
    case .user:
      return Response(status: 302, headers: [("Location", base + (version.runsOnTomcat ? "/apps/" : "/index.html"))])
    }
  }
}

/// A request to the Web API: the path without `/api`, a version and a suffix.
struct APICall {
  let request: Request
  let base: String
  /// The path's segments after `/api`.
  var resource: [String]
  /// The requested version of the API: `/api/37/…`.
  var apiVersion: Int?
  /// The format from a suffix: `dataValueSets.json`.
  var suffix: String?

  init?(_ request: Request, base: String) {
    self.request = request
    self.base = base
    var segments = request.path.split(separator: "/").map { Request.decoded($0) }
    guard segments.first == "api" else { return nil }
    segments.removeFirst()
    if let number = segments.first.flatMap({ Int($0) }) {
      apiVersion = number
      segments.removeFirst()
    }
    if let last = segments.last, let dot = last.firstIndex(of: "."), segments.count <= 2 {
      suffix = String(last[last.index(after: dot)...])
      segments[segments.count - 1] = String(last[..<dot])
    }
    resource = segments
  }
}
