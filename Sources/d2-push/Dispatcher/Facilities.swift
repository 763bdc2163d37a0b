import D2Common
import Glibc

/// What the requests of a queue call their organisation units, which values name by uid.
struct Facilities: Sendable {
  /// Where the labels come from, as messages tell it.
  let origin: String
  private let find: @Sendable (String) -> String?

  init(origin: String, _ find: @escaping @Sendable (_ unit: String) -> String?) {
    self.origin = origin
    self.find = find
  }

  /// The label of a unit, given by its uid; `nil` where none is known.
  func label(of unit: String) -> String? { find(unit).flatMap { $0.isEmpty ? nil : $0 } }
}

extension Facilities {
  /// Units are called by their uids.
  static let ids = Facilities(origin: "uid") { $0 }

  /// Reads names or codes from a file: `{"id":…,"name":…,"code":…}` a line, other keys are ignored. The last line of a unit counts.
  ///
  /// - Throws: `CommandFailure`: 74 where it cannot be read, 65 where a line is not of that form.
  static func file(_ path: String, by label: FacilityLabel) throws(CommandFailure) -> Facilities {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandFailure(.cannotRead, "cannot read \(path): \(SystemError())") }
    defer { close(descriptor) }
    var labels: [String: String] = [:]
    var reader = LineReader(descriptor: descriptor)
    while let line = try reader.next() {
      if line.allSatisfy({ $0 <= 0x20 }) { continue }
      guard let unit = try? JSONValue(parsing: UnsafeRawBufferPointer(line)), let id = unit["id"]?.string else {
        throw CommandFailure(
          .malformedInput, "\(path), line \(reader.number): not of the form {\"id\":…,\"name\":…,\"code\":…}")
      }
      labels[id] = unit[label.rawValue]?.scalarText
    }
    let known = labels
    return Facilities(origin: path) { known[$0] }
  }

  /// Those that the options ask for.
  ///
  /// - Throws: `CommandFailure`: 64 where nothing tells the names; as `file` does.
  init(_ options: QueueOptions) throws(CommandFailure) {
    if options.facilityBy == .id {
      self = .ids
    } else if let path = options.facilitiesFile {
      self = try .file(path, by: options.facilityBy)
    } else {
      throw CommandFailure(
        .usage,
        "nothing tells the \(options.facilityBy)s of organisation units that the queue is to be given: name a file by "
          + "--facilities, or use --pair, or --facility-by id")
    }
  }
}
