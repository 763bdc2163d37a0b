import D2Common

/// Passes a signed-in user's request to the API that answers it.
struct Router {
  let server: Server
  let call: APICall
  let user: User
  let faults: [Fault]
  let cost: CostOfRequest

  private var request: Request { call.request }
  private var version: ServerVersion { server.version }
  private var isRead: Bool { request.method == "GET" || request.method == "HEAD" }

  func answer() -> Response {
    if let model = server.cost { cost.add(model.requestSeconds * model.scale) }
    switch call.resource.first {
    case "dataValueSets" where call.resource.count == 1: return dataValueSets()
    case "completeDataSetRegistrations" where call.resource.count == 1:
      return RegistrationAPI(server: server, call: call, user: user, faults: faults).answer()
    case "analytics" where isRead && call.resource == ["analytics", "dataValueSet"]:
      return AnalyticsAPI(server: server, call: call, user: user, faults: faults, cost: cost).answer()
    case "system": return SystemAPI(server: server, call: call, user: user).answer() ?? notFound()
    case "systemSettings" where isRead && call.resource.count == 1: return server.settings.answer(call, version)
    case "me" where call.resource.count == 1: return MeAPI(server: server, call: call, user: user).answer()
    case "apiToken" where request.method == "POST": return makeToken()
    case "dataValues" where isRead: return DataValueAPI(server: server, call: call).answer()
    case "metadata" where request.method == "POST" && call.resource.count == 1:
      return MetadataImportAPI(server: server, call: call, user: user).answer()
    case "aggregateDataExchanges" where isRead && version.minor >= 39:
      return ExchangeAPI(server: server, call: call).answer()
    case "jobConfigurations" where isRead && call.resource.count == 2: return jobConfiguration()
    case "lockExceptions" where isRead && call.resource.count == 1: return lockExceptions()
    case "dataSets" where request.method == "POST" && call.resource.count == 3:
      return CollectionAPI(server: server, call: call, user: user).answer() ?? notFound()
    default:
      guard isRead else { return methodNotAllowed() }
      return MetadataAPI(server: server, call: call, user: user).answer() ?? notFound()
    }
  }

  private func dataValueSets() -> Response {
    switch request.method {
    case "GET", "HEAD": ExportAPI(server: server, call: call, user: user, faults: faults, cost: cost).answer()
    case "POST": ImportAPI(server: server, call: call, user: user, faults: faults, cost: cost).answer()
    default: methodNotAllowed()
    }
  }

  private func lockExceptions() -> Response {
    let exceptions = server.metadata.lockExceptions.map { exception -> JSONValue in
      let period = exception["period"]?.string ?? ""
      return [
        // Its id is only in the name.
        "name": .string("Some data set (Some unit, the first, \(period))"),
        "period": ["periodType": ["name": "Monthly"]],
        "dataSet": exception["dataSet"] ?? .null, "organisationUnit": exception["organisationUnit"] ?? .null,
      ]
    }
    return .json(200, ["lockExceptions": .array(exceptions)], type: version.jsonType)
  }

  /// A job from 2.41 on. Older servers do not store the jobs of imports.
  private func jobConfiguration() -> Response {
    let id = call.resource[1]
    let job = version.schedulesAsyncImports ? server.state.withLock { $0.jobs[id] } : nil
    guard let job else { return ErrorPages.message(404, "JobConfiguration with id \(id) could not be found.") }
    let members: JSONValue = [
      "name": .string("DATAVALUE_IMPORT"), "id": .string(id), "jobType": "DATAVALUE_IMPORT",
      "jobStatus": .string(job.status),
    ]
    return .json(200, FieldFilter(call.request.first("fields") ?? "*").apply(members), type: version.jsonType)
  }

  private func methodNotAllowed() -> Response {
    let words = version.minor <= 40 ? "not supported" : "is not supported"
    return ErrorPages.message(405, "Request method '\(request.method)' \(words)")
  }

  private func notFound() -> Response {
    ErrorPages.container(version, 404, "Not Found")
  }

  private func makeToken() -> Response {
    let key = server.authentication.newToken(for: user)
    let uid = server.authentication.newUid()
    var members: [JSONValue.Member] = [
      .init("key", .string(key)), .init("uid", .string(uid)),
      .init("klass", "org.hisp.dhis.security.apikey.ApiToken"), .init("errorReports", []),
    ]
    if version.minor <= 40 {
      members.insert(.init("responseType", "ApiTokenCreationResponse"), at: 0)
    } else {
      members.append(.init("responseType", "ObjectReport"))
    }
    var response = Response.json(
      201,
      ["httpStatus": "Created", "httpStatusCode": 201, "status": "OK", "response": .object(members)],
      type: version.jsonType)
    response.headers.append(("Location", call.base + "/api/apiToken/" + uid))
    return response
  }
}
