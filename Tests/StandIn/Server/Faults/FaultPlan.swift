import D2Common
import Synchronization

/// The faults that have not happened yet.
final class FaultPlan: Sendable {
  private struct Entry {
    let fault: Fault
    var toSkip: Int
    /// `nil` for always.
    var left: Int?
  }

  private let entries: Mutex<[Entry]>

  init(_ faults: [Fault]) {
    entries = Mutex(faults.map { Entry(fault: $0, toSkip: $0.skip, left: $0.times == 0 ? nil : $0.times) })
  }

  func add(_ faults: [Fault]) {
    entries.withLock {
      $0 += faults.map { Entry(fault: $0, toSkip: $0.skip, left: $0.times == 0 ? nil : $0.times) }
    }
  }

  func clear() { entries.withLock { $0 = [] } }

  /// The remaining faults, with the remaining number of times (0: always).
  var pending: [(kind: String, left: Int)] {
    entries.withLock { $0.map { ($0.fault.kind.rawValue, $0.left ?? 0) } }
  }

  /// The document of `GET /control/faults`.
  var document: JSONValue { .array(pending.map { ["kind": .string($0.kind), "left": .int($0.left)] }) }

  /// Removes and returns the faults for a request, of the kinds that `wanted` selects.
  func take(for request: Request, where wanted: (Fault) -> Bool) -> [Fault] {
    entries.withLock { entries in
      var taken: [Fault] = []
      for index in entries.indices where wanted(entries[index].fault) && entries[index].fault.isMeant(for: request) {
        if entries[index].toSkip > 0 {
          entries[index].toSkip -= 1
        } else if entries[index].left != 0 {
          entries[index].left = entries[index].left.map { $0 - 1 }
          taken.append(entries[index].fault)
        }
      }
      entries.removeAll { $0.left == 0 }
      return taken
    }
  }
}
