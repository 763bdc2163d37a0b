import D2Common
import D2Client

/// The option that names a pair, and its store.
package enum PairOptions {
  package static let pair = Option(
    "--pair", value: "PAIR", help: "Use this pair of servers: its name (d2-pairs list) or its number (id:7).")

  package static let dataSets = Option(
    "--data-set", values: "UID|CODE|NAME", splits: false,
    help: "Select only these data sets (default: all active ones).")

  /// For verbs that copy units to the destination, or that check them.
  package static let below = Option(
    "--below", value: "UNIT", help: "Select only this unit and those below it, by uid, code or name.")

  package static let group = OptionGroup("Pair", [pair, Store.option])

  /// Opens the store and finds the pair.
  ///
  /// - Throws: `StoreError`; `CommandFailure`, 64 if no pair is named, 78 if it does not exist.
  ///
  /// - Parameter writes: whether the verb writes; with `--dry-run` nothing is stored.
  package static func open(_ arguments: Arguments, writes: Bool = false) throws -> (store: Store, pair: Pair) {
    guard let name = arguments[pair] else {
      throw CommandFailure(.usage, "--pair is missing: which pair of servers (d2-pairs list)")
    }
    let store = try Store(arguments, writes: writes)
    return (store, try store.pair(named: name))
  }
}

extension CommandDescription {
  /// The description of a verb of d2-orgunits or d2-datasets.
  ///
  /// - Parameters:
  ///   - incomplete: the meaning of status 1, if the verb can end with it.
  package init(
    metadataVerb name: String, _ abstract: String, example: (String, String), more: [(String, String)] = [],
    operands: String = "", groups: [OptionGroup] = [], options: [any AnyOption] = [], incomplete: String? = nil
  ) {
    let statuses: [(status: ExitStatus, meaning: String)] = [
      (.success, "done"), (.usage, "the command line is wrong, or a name is unknown or not unique"),
      (.unreachable, "a server or the store cannot be reached"), (.temporary, "a server failed after all retries"),
      (.notDHIS2, "the other end does not speak DHIS2"), (.refused, "credentials or access refused"),
      (.configuration, "there is no such pair, or the store is unusable"),
    ]
    self.init(
      name: name, abstract: abstract, examples: ([example] + more).map { (command: $0.0, effect: $0.1) },
      groups: (options.isEmpty ? [] : [OptionGroup("Selection", options)]) + [PairOptions.group] + groups,
      statuses: statuses + (incomplete.map { [(.incomplete, $0)] } ?? []), operands: operands)
  }
}

extension PairSide {
  /// The server at this end of a pair.
  package func server(of pair: Pair) -> ConfiguredServer { self == .source ? pair.source : pair.destination }
}

extension Pair {
  /// A client for one of its servers, with the options of the command line.
  ///
  /// - Throws: `CommandFailure`, 64 for wrong options, 78 for unreadable credentials.
  package func client(of side: PairSide, _ arguments: Arguments, _ log: Log) throws(CommandFailure) -> DHIS2Client {
    DHIS2Client(try ServerOptions(arguments, log, side.server(of: self)), log)
  }
}
