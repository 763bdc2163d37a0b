import CJSONBlocks
import Synchronization

/// The SIMD paths of `CJSONBlocks`. A path applies to the whole process, so tests that choose one take turns.
package enum JSONPath {
  private static let turn = Mutex(())

  /// The paths that this processor supports.
  package static let all = turn.withLock { _ in
    ["portable", "sse2", "avx2", "avx512", "neon"].filter { (name: String) in d2_json_use_path(name) != 0 }
  }

  /// Runs `body` with a path.
  package static func using(_ path: String, _ body: () -> Void) {
    turn.withLock { _ in
      _ = d2_json_use_path(path)
      body()
    }
  }
}
