import D2Client
import D2Common
import D2Store
import Glibc
import Synchronization

/// What the requests of a queue call their organisation units, which values name by uid.
struct Facilities: Sendable {
  /// Where the labels come from, as messages tell it.
  let origin: String
  let find: @Sendable (_ unit: String) throws -> String?

  /// The label of a unit, given by its uid; `nil` if none is known.
  ///
  /// - Throws: `ServerError` if it had to be asked for and nobody answered.
  func label(of unit: String) throws -> String? { try find(unit).flatMap { $0.isEmpty ? nil : $0 } }
}

extension Facilities {
  /// Units are called by their uids.
  static let ids = Facilities(origin: "uid") { $0 }

  /// Reads names or codes from a file: `{"id":…,"name":…,"code":…}` a line, other keys are ignored. The last line of a
  /// unit counts.
  ///
  /// - Throws: `CommandFailure`: 74 if it cannot be read, 65 where a line is not of that form.
  static func file(_ path: String, by label: FacilityLabel) throws(CommandFailure) -> Facilities {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandFailure(.cannotRead, "cannot read \(path): \(SystemError())") }
    defer { close(descriptor) }
    var labels: [String: String] = [:]
    var reader = LineReader(descriptor: descriptor)
    while let line = try reader.next() {
      if line.isBlank { continue }
      guard let unit = try? JSONValue(parsing: line.bytes), let id = unit["id"]?.string else {
        throw CommandFailure(
          .malformedInput, "\(path), line \(reader.number): not of the form {\"id\":…,\"name\":…,\"code\":…}")
      }
      labels[id] = unit[label.rawValue]?.scalarText
    }
    let known = labels
    return Facilities(origin: path) { known[$0] }
  }

  /// Names or codes as the store has them. Units that it lacks (those below the level that is kept there) are asked of
  /// the source, one by one.
  ///
  /// - Throws: `StoreError`; `CommandFailure`, 78 for the source's configuration.
  static func pair(
    _ stored: StoredPair, by label: FacilityLabel, _ arguments: Arguments, _ log: Log
  ) throws -> Facilities {
    var labels: [String: String] = [:]
    try OrgUnitTable(stored.store, stored.pair).forEach { unit in
      labels[unit.uid] = label == .code ? unit.code : unit.name
    }
    let source = DHIS2Client(try ServerOptions(arguments, log, stored.pair.source), log)
    let known = Mutex(labels)
    return Facilities(origin: "pair \(stored.pair.label)") { unit in
      try known.withLock { known in
        if let label = known[unit] { return label }
        guard UID.canBe(unit) else { return nil }
        let objects = try source.objects(in: "organisationUnits", fields: "id,name,code", filter: "id:eq:\(unit)")
        known[unit] = objects.first?[label.rawValue]?.string ?? ""
        return known[unit]
      }
    }
  }

  /// Those that the options ask for.
  ///
  /// - Throws: `CommandFailure`: 64 if nothing tells the names; as `file` does. `StoreError`.
  init(_ options: QueueOptions, _ stored: StoredPair?, _ arguments: Arguments, _ log: Log) throws {
    if options.facilityBy == .id {
      self = .ids
    } else if let path = options.facilitiesFile {
      self = try .file(path, by: options.facilityBy)
    } else if let stored {
      self = try .pair(stored, by: options.facilityBy, arguments, log)
    } else {
      throw CommandFailure(
        .usage,
        "the queue needs the \(options.facilityBy)s of organisation units, and d2-push does not know them: name a file by "
          + "--facilities, or use --pair, or --facility-by id")
    }
  }
}
