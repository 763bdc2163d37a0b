import D2Common

extension JSONValue {
  /// The uids of the objects that stand in an object's collection: of `{"organisationUnits":[{"id":"…"}]}`.
  package func uids(_ collection: String) -> [String] {
    (self[collection]?.array ?? []).compactMap { $0["id"]?.string }
  }
}
