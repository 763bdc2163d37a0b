import CJSONBlocks
import Synchronization

/// The ways in which `CJSONBlocks` can look at text. One of them is chosen for the whole process, so that tests that
/// choose one take turns.
package enum JSONPath {
  private static let turn = Mutex(())

  /// Those that this processor has.
  package static let all = turn.withLock { _ in
    ["portable", "sse2", "avx2", "avx512", "neon"].filter { (name: String) in d2_json_use_path(name) != 0 }
  }

  /// Runs something while a path is chosen.
  package static func using(_ path: String, _ body: () -> Void) {
    turn.withLock { _ in
      _ = d2_json_use_path(path)
      body()
    }
  }
}
