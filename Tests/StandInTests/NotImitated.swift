@testable import StandInServer

/// The recorded exchanges that the stand-in does not answer in full, each with its reason.
enum NotImitated {
  enum Compares {
    /// Status, content type and other headers; only the text of the body is left alone.
    case allButBody
    case nothing
  }

  struct Entry {
    var names: [String]
    var reason: String
    var compares: Compares
    /// The minor versions that it is about; all where empty.
    var minors: Set<Int> = []
  }

  static let list: [Entry] = [
    Entry(
      names: [
        "not-found", "ou-bad-uid", "export-accept-html", "reg-no-ds", "url-9k", "url-20k", "url-70k", "double-slash",
      ],
      reason: "the text of an error page of the servlet container: clients look at its status and type",
      compares: .allButBody),
    Entry(
      names: ["export-zip"], reason: "zip archives are read and not written: no client of ours asks for one",
      compares: .nothing),
    Entry(
      names: ["export-accept-xml"], reason: "XML is not written: d2 speaks JSON", compares: .nothing, minors: [40, 42]),
    Entry(names: ["export-csv"], reason: "CSV is not written: d2 speaks JSON", compares: .nothing),
    Entry(
      names: [
        "session-pat-first", "session-pat-cookie", "session-pat-after-twelve-more",
        "session-pat-after-twelve-more-xhr", "session-pat-post-after", "session-pat-unknown", "session-basic-first",
        "session-basic-cookie", "session-basic-after-twelve-more", "session-basic-after-twelve-more-xhr",
        "session-basic-post-after", "session-basic-unknown",
      ],
      reason: "twelve sign-ins between them were not recorded: SessionTests plays them, with cookies of its own",
      compares: .nothing),
  ]

  static func reason(_ name: String, _ version: ServerVersion) -> Entry? {
    list.first { $0.names.contains(name) && ($0.minors.isEmpty || $0.minors.contains(version.minor)) }
  }
}
