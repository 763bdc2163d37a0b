import D2Common

extension JSONValue {
  /// The uids in an object's collection: in `{"organisationUnits":[{"id":"…"}]}`.
  package func uids(_ collection: String) -> [String] {
    (self[collection]?.array ?? []).compactMap { $0["id"]?.string }
  }
}
