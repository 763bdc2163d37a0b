import D2Common

/// `POST /api/metadata`, for organisation units only.
struct MetadataImportAPI {
  let server: Server
  let call: APICall
  let user: User

  func answer() -> Response {
    var bytes = call.request.body
    let document: JSONValue
    do {
      if Gzip.isGzip(bytes) { bytes = try Gzip.inflated(bytes) }
      document = try JSONValue(reading: bytes)
    } catch {
      return ErrorPages.message(400, "Unexpected end-of-input")
    }
    let objects = document["organisationUnits"]?.array ?? []
    let options = MetadataImport.Options(call.request)
    let report = server.changeMetadata { metadata in
      var run = MetadataImport(options: options, user: user, objects: objects)
      run.run(&metadata)
      return run.report
    }
    return report.response(server.version, isAtomic: options.isAtomic, count: objects.count)
  }
}

/// `POST /api/dataSets/<uid>/organisationUnits`: assigns units. It silently ignores ids of missing units.
struct CollectionAPI {
  let server: Server
  let call: APICall
  let user: User

  private var version: ServerVersion { server.version }

  func answer() -> Response? {
    guard call.resource[2] == "organisationUnits" else { return nil }
    let uid = call.resource[1]
    let found = server.metadata.dataSetByUid[uid].map { server.metadata.dataSets[$0] }
    guard let found, found.sharing.readsMetadata(user) else {
      return ErrorPages.message(404, "DataSet with id \(uid) could not be found.", code: "E1005")
    }
    guard user.has("F_DATASET_PUBLIC_ADD"), found.sharing.writesMetadata(user) else {
      return ErrorPages.message(403, "You don't have the proper permissions to update this object.")
    }
    guard let body = try? JSONValue(reading: call.request.body) else {
      return ErrorPages.message(400, "Unexpected end-of-input")
    }
    let additions = (body["additions"]?.array ?? []).compactMap { $0["id"]?.string }
    let counts = server.changeMetadata { Self.assign(additions, to: uid, &$0) }
    guard version.minor >= 38 else { return Response(status: 204) }
    return .json(
      200,
      [
        "httpStatus": "OK", "httpStatusCode": 200, "status": "OK",
        "response": [
          "responseType": "TypeReport", "status": "OK",
          "stats": [
            "created": 0, "updated": .int(counts.updated), "deleted": 0, "ignored": .int(counts.ignored),
            "total": .int(counts.updated + counts.ignored),
          ], "objectReports": [],
        ],
      ], type: version.jsonType)
  }

  private static func assign(
    _ additions: [String], to uid: String, _ metadata: inout Metadata
  ) -> (updated: Int, ignored: Int) {
    guard let position = metadata.dataSetByUid[uid] else { return (0, 0) }
    var counts = (updated: 0, ignored: 0)
    for unit in additions.compactMap({ metadata.organisationUnitByUid[$0] }) {
      if metadata.dataSets[position].unitSet.insert(unit).inserted {
        metadata.dataSets[position].units.append(unit)
        counts.updated += 1
      } else {
        counts.ignored += 1
      }
    }
    return counts
  }
}
