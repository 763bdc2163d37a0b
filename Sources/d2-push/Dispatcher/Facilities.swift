import D2Client
import D2Common
import D2Store
import Glibc
import Synchronization

/// Maps organisation units, which values name by uid, to the labels that a queue's requests use.
struct Facilities: Sendable {
  /// The origin of the labels, for messages.
  let origin: String
  let find: @Sendable (_ unit: String) throws -> String?

  /// The label of a unit, given by its uid; `nil` if it is not known.
  ///
  /// - Throws: `ServerError` if the source had to be asked and did not answer.
  func label(of unit: String) throws -> String? { try find(unit).flatMap { $0.isEmpty ? nil : $0 } }
}

extension Facilities {
  /// The labels are the uids.
  static let ids = Facilities(origin: "uid") { $0 }

  /// Reads names or codes from a file, with `{"id":…,"name":…,"code":…}` on each line. It ignores other keys. If a unit
  /// has several lines, the last one counts.
  ///
  /// - Throws: `CommandFailure`: 74 if the file cannot be read, 65 if a line does not have that form.
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

  /// Names or codes from the store. If the store lacks a unit (because it is below the level that is kept there), this
  /// asks the source about that unit.
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

  /// The labels that the options ask for.
  ///
  /// - Throws: `CommandFailure`: 64 if the options name no source of the labels; as `file` does. `StoreError`.
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
