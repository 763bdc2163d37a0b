import D2Client
import D2Common
import D2Store

/// Manages the pairs of servers between which data is moved.
package struct Pairs: ToolkitCommand {
  package static let name = "d2-pairs"
  package static let abstract = "add, show and test the pairs of servers between which data move"

  package static func main(_ words: [String]) async -> Never {
    await Command.main(
      Self.self, words, manual: manual,
      [add, set, show, list, enable, disable, remove, test, upgrade])
  }

  private static let manual = Manual(
    [
      """
      A pair is two DHIS2 servers under one name: a source, which is only read, and a destination. The other commands \
      take it as `--pair`; then they need no addresses or ids. Pairs are kept in a store. It is a SQLite file, which \
      the first `add` makes, or, for several hosts, the PostgreSQL database that `D2_STORE` or `--store` names.
      """,
      """
      Keep secrets elsewhere if you can, and let the store hold only a reference. `env:NAME` is a variable, \
      `file:PATH` the first line of a file, and `cmd:COMMAND` the first line that a command prints. `prompt` asks at \
      the terminal. Secrets that you type, or that come from `D2_SOURCE_PAT` and similar variables, are kept in the \
      store itself. `list` and `show` mask them. d2-pairs takes no secret from the command line, because others could \
      see it there. Whoever can write to the store can name a command: protect it as you protect a shell.
      """,
      """
      `test` signs in at both ends and shows version, user, authorities, calendar, clock and round trip of each. It \
      ends with 1 if something there would keep data from moving. `set` changes what its options name, and keeps the \
      rest. `remove` asks first; it also removes the pair's data sets, organisation units and slices.
      """,
    ],
    environment: [
      (
        "D2_SOURCE_PAT, D2_SOURCE_USERNAME, D2_SOURCE_PASSWORD",
        "Credentials of the source. `add` keeps them in the store if no option names others; `test` uses them if the pair has none."
      ),
      ("D2_DESTINATION_PAT, D2_DESTINATION_USERNAME, D2_DESTINATION_PASSWORD", "The same for the destination."),
    ])

  private static let statuses: [(status: ExitStatus, meaning: String)] = [
    (.success, "done"), (.usage, "the command line is wrong"),
    (.unreachable, "the store cannot be reached"), (.cannotWrite, "the store cannot be written"),
    (.configuration, "there is no such pair, or the store is unusable"),
  ]

  private static func description(
    _ verb: String, _ abstract: String, example: (String, String), operands: String = "PAIR",
    groups: [OptionGroup] = [], options: [any AnyOption] = [],
    statuses more: [(status: ExitStatus, meaning: String)] = []
  ) -> CommandDescription {
    CommandDescription(
      name: "d2-pairs \(verb)", abstract: abstract, examples: [(command: example.0, effect: example.1)],
      groups: groups + (options.isEmpty ? [] : [OptionGroup("How", options)]) + [OptionGroup("Store", [Store.option])],
      statuses: statuses + more, operands: operands)
  }

  /// The pair that the command line names.
  private static func pair(_ arguments: Arguments, in store: Store) throws -> Pair {
    try store.pair(named: try name(arguments))
  }

  private static func name(_ arguments: Arguments) throws(CommandFailure) -> String {
    guard let name = arguments.operands.first else { throw CommandFailure(.usage, "say which pair") }
    guard arguments.operands.count == 1 else {
      throw CommandFailure(.usage, "unexpected argument \(arguments.operands[1].quoted): one pair at a time")
    }
    return name
  }

  private static func show(_ pairs: [Pair], _ arguments: Arguments) throws {
    var listing = Listing(arguments, columns: ["pair", "active", "source", "destination"])
    for pair in pairs { try listing.add(pair.shown) }
    try listing.finish()
  }

  // MARK: Verbs

  private enum Switch: String, CaseIterable { case on, off }
  private static let withRegistrations = Option(
    "--with-registrations", as: .one(of: Switch.self),
    help: "Move complete data set registrations with the values, or not (default off).")

  private static let inactive = Flag("--inactive", help: "Make scripts that run all active pairs skip it.")

  private static let fromExchange = Option(
    "--from-exchange", value: "UID|NAME",
    help: "Take the destination from this aggregate data exchange of the source.")

  private static let add = Verb(
    description(
      "add", "add a pair of servers",
      example: (
        "d2-pairs add hmis --source-url https://a.example/dhis --source-pat file:/etc/d2/a.pat --destination-url https://b.example --destination-username mover",
        "add a pair; the source's token stays in its file, d2-pairs asks for the destination's password and keeps it"
      ), operands: "NAME",
      groups: [
        ServerSettings.Options.source.group, ServerSettings.Options.destination.group, ServerOptions.transport,
      ],
      options: [Command.dryRun, inactive, fromExchange, withRegistrations])
  ) { arguments, log in
    let name = try name(arguments)
    if let fault = Pair.fault(inName: name) { throw CommandFailure(.usage, fault) }
    var source = try ServerSettings(options: .source, arguments: arguments, readsSecretVariables: true).made()
    let url = try source.url()
    let settings = ServerSettings(options: .destination, arguments: arguments, readsSecretVariables: true)
    let exchange = try arguments[fromExchange].map { name in
      try DataExchange(
        named: name, option: fromExchange.name, DHIS2Client(try ServerOptions(arguments, log, source), log))
    }
    let destination = try exchange.map { try settings.made(of: $0, source, log) } ?? settings.made()
    if exchange?.isInternal != true, try destination.url() == url {
      log.warning("source and destination are the same server: \(url)")
    }
    let store = try Store(arguments, creates: true, writes: true)
    if arguments[withRegistrations] == .on { source.set(Pair.registrationsKey, true) }
    let pair = try store.add(name: name, source: source, destination: destination, isActive: !arguments[inactive])
    for server in [source, destination] where !server.literalSecrets.isEmpty {
      log.info(
        "the \(server.literalSecrets.joined(separator: " and ")) of \(server.name) is kept in the store itself; env:, file: or cmd: keep it elsewhere"
      )
    }
    try show([pair], arguments)
    if let exchange {
      let push = (["--pair", pair.label] + exchange.pushOptions).map(ShellWord.quoted).joined(separator: " ")
      log.info(
        "it does what the exchange does: "
          + "d2-pull --pair \(ShellWord.quoted(pair.label)) --exchange \(exchange.uid) | d2-push \(push)"
      )
    }
    return .success
  }

  private static let newName = Option("--name", value: "NAME", help: "Give the pair this name.")

  private static let set = Verb(
    description(
      "set", "change a pair",
      example: ("d2-pairs set hmis --destination-pat env:HMIS_TOKEN", "sign in at the destination in another way"),
      groups: [ServerSettings.Options.source.group, ServerSettings.Options.destination.group],
      options: [Command.dryRun, newName, withRegistrations])
  ) { arguments, log in
    let store = try Store(arguments, writes: true)
    var pair = try pair(arguments, in: store)
    for end in [ServerSettings.Options.source, .destination] where arguments.has(end.name) {
      throw CommandFailure(.usage, "\(end.name.name) is fixed when a pair is added")
    }
    try ServerSettings(options: .source, arguments: arguments, readsSecretVariables: false).change(&pair.source)
    try ServerSettings(options: .destination, arguments: arguments, readsSecretVariables: false)
      .change(&pair.destination)
    if let value = arguments[withRegistrations] { pair.movesRegistrations = value == .on }
    if let name = arguments[newName] {
      if let fault = Pair.fault(inName: name) { throw CommandFailure(.usage, fault) }
      guard try !store.pairs().contains(where: { $0.label == name && $0.id != pair.id }) else {
        throw CommandFailure(.configuration, "another pair is called \(name.quoted)")
      }
      pair.name = name
    }
    try store.update(pair)
    try show([pair], arguments)
    return .success
  }

  private static let show = Verb(
    description(
      "show", "show one pair with its configuration, without secrets",
      example: ("d2-pairs show hmis | jq .source_config", "see how the source is reached"), options: [Listing.option])
  ) { arguments, log in
    let store = try Store(arguments)
    try show([try pair(arguments, in: store)], arguments)
    return .success
  }

  private static let active = Flag("--active", help: "Show only active pairs.")

  private static let list = Verb(
    description(
      "list", "list all pairs", example: ("d2-pairs list --format table", "list all pairs as a table"), operands: "",
      options: [Listing.option, active])
  ) { arguments, log in
    try show(try Store(arguments).pairs().filter { $0.isActive || !arguments[active] }, arguments)
    return .success
  }

  private static func switching(_ verb: String, to isActive: Bool) -> Verb {
    Verb(
      description(
        verb, isActive ? "let scripts run a pair again" : "make scripts that run all active pairs skip this one",
        example: ("d2-pairs \(verb) hmis", "\(verb) the pair"), options: [Command.dryRun])
    ) { arguments, log in
      let store = try Store(arguments, writes: true)
      var pair = try pair(arguments, in: store)
      pair.isActive = isActive
      try store.update(pair)
      log.info("\(pair.label) is \(isActive ? "active" : "inactive")")
      return .success
    }
  }

  private static let enable = switching("enable", to: true)
  private static let disable = switching("disable", to: false)

  private static let remove = Verb(
    description(
      "remove", "remove a pair with everything that the store has about it",
      example: ("d2-pairs remove hmis --yes", "remove a pair without a question"),
      options: [Command.dryRun, Prompt.confirmation],
      statuses: [(.incomplete, "the answer was not yes: nothing was removed")])
  ) { arguments, log in
    let store = try Store(arguments, writes: true)
    let pair = try pair(arguments, in: store)
    if !arguments[Command.dryRun] {
      try Prompt.confirm(
        "remove \(pair.label) with its data sets, organisation units and slices?", otherwise: "nothing was removed",
        arguments)
    }
    let removed = try store.remove(pair)
    log.info("removed \(pair.label) with " + removed.map { "\($0.rows) \($0.kind)" }.joined(separator: ", "))
    return .success
  }

  private static let upgrade = Verb(
    description(
      "upgrade", "bring the store's tables up to date, and show which rows that changes",
      example: (
        "d2-pairs upgrade --dry-run",
        "on a database of the Python tool: see which rows are there twice, and would be merged"
      ), operands: "", options: [Command.dryRun])
  ) { arguments, log in
    let store = try Store(arguments, writes: true, upgrades: true)
    log.info("store \(store.database.location) is up to date")
    return .success
  }

  private static let test = Verb(
    description(
      "test", "sign in at both ends and show what is there",
      example: ("d2-pairs test hmis", "see versions, users, authorities, calendars, clocks and round trips"),
      groups: [ServerOptions.transport], options: [Listing.option],
      statuses: [
        (.incomplete, "both ends answer, but something will not work"), (.temporary, "a server failed: retry later"),
        (.notDHIS2, "an end does not speak DHIS2"), (.refused, "credentials refused"),
      ])
  ) { arguments, log in
    let store = try Store(arguments)
    return try PairTest(pair: pair(arguments, in: store), arguments: arguments, log: log).run()
  }
}
