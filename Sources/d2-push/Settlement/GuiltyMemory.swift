import Synchronization

/// Remembers the causes for which servers from 2.43 on refused whole groups: units outside their dates, elements that
/// are not in the data set. d2-push sends similar values separately, so that each cause costs one failed request, not
/// one a batch. The server still decides. (docs/dhis2-servers.md, trap 8.)
final class GuiltyMemory: Sendable {
  private struct State: Sendable {
    var codes: Set<String> = []
    var signatures: Set<String> = []
  }

  /// With more causes than this, it is no longer worth remembering them.
  private static let mostSignatures = 100_000

  private let state = Mutex(State())

  func remember(_ code: String, _ ids: ValueIDs, _ dataSet: String?) {
    guard let signature = ConflictMatcher.signature(code, ids, dataSet) else { return }
    state.withLock { state in
      guard state.signatures.count < Self.mostSignatures else { return }
      state.codes.insert(code)
      state.signatures.insert(signature)
    }
  }

  var isEmpty: Bool { state.withLock { $0.codes.isEmpty } }

  func knows(_ ids: ValueIDs, _ dataSet: String?) -> Bool {
    state.withLock { state in
      state.codes.contains { code in
        ConflictMatcher.signature(code, ids, dataSet).map { state.signatures.contains($0) } ?? false
      }
    }
  }
}
