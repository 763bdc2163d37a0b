import D2Client
import D2Common

/// The ids of data sets in the output's id scheme. A value that names its data set must use the same scheme for it as
/// for everything else.
struct DataSetNames {
  private let scheme: IDScheme

  init(_ options: PullOptions) { scheme = IDScheme(of: "dataSetIdScheme", in: options.passedOn) }

  /// Looks up the data sets for the values.
  ///
  /// - Throws: `ServerError`; `CommandFailure`, 64 if one has no id in the scheme, before anything is read.
  func find(for selections: inout [PullOptions], _ client: DHIS2Client) throws {
    let tagged = selections.flatMap { $0.isTagged ? $0.dataSets : [] }.unique
    guard scheme != .uid, !tagged.isEmpty else { return }
    var names: [String: String] = [:]
    try client.forEachObject(tagged, in: "dataSets", fields: scheme.fields) { set in
      if let uid = set["id"]?.string { names[uid] = scheme.id(of: set) }
    }
    let nameless = tagged.filter { names[$0] == nil }
    guard nameless.isEmpty else {
      throw CommandFailure(
        .usage,
        "no \(scheme) at \(client.server) of data set \(nameless.joined(separator: ", ")), which its values must name: give it one, leave it out, or add --data-set-id-scheme UID here and to d2-push"
      )
    }
    for place in selections.indices { selections[place].dataSetNames = names }
  }
}
