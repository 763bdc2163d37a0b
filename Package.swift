// swift-tools-version: 6.1
import PackageDescription

// No Swift package is needed: what d2 does not do itself comes from C libraries that every Debian has
// (libcurl, zlib, libpq, SQLite) or that are linked in (libdeflate). DESIGN.md tells why.

/// Builds for tests are optimized as well, so that the tests take minutes less, but keep their assertions.
let optimizedForTests: [SwiftSetting] = [
  .unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))
]

// Accessors of D2Common's types stand on the data path of the commands: they must be inlined across modules.
let dataPath: [SwiftSetting] =
  [
    .unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release))
  ] + optimizedForTests

/// A command, as a library: what every one needs, and what it needs besides.
func command(_ name: String, _ besides: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .target(
    name: name, dependencies: ["D2Store", "D2Client", "D2Common"] + besides, resources: resources,
    swiftSettings: dataPath)
}

/// The executable of one command, for those who build d2: it links faster than `d2`, which is what gets installed.
func executable(_ command: String) -> Target {
  .executableTarget(
    name: command + "-executable", dependencies: [.target(name: command), "D2Common"],
    path: "Sources/executables/" + command, linkerSettings: besideTheCommands)
}

// scripts/install puts libcurl, libpq and libsqlite3 beside the commands, for machines that lack them.
let besideTheCommands: [LinkerSetting] = [.unsafeFlags(["-Xlinker", "-rpath=$ORIGIN/../lib/d2"])]

// Only for scripts/fuzz: they are linked with libFuzzer, which an ordinary build is not.
let fuzzing: [Target] =
  Context.environment["D2_FUZZ"] == nil
  ? []
  : [
    .target(
      name: "FuzzTargets",
      dependencies: [
        "D2Store", "D2Client", "D2Split", "D2Mapping", "D2Convert", "D2Common", "CJSONBlocks", "CZlib", "TestSupport",
      ],
      path: "Tests/Fuzz/Targets"),
    .executableTarget(name: "d2-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Main"),
  ]

let package = Package(
  name: "d2",
  products: [
    .executable(name: "d2", targets: ["d2"]),
    .executable(name: "d2-pull", targets: ["d2-pull-executable"]),
    .executable(name: "d2-push", targets: ["d2-push-executable"]),
    .executable(name: "d2-pairs", targets: ["d2-pairs-executable"]),
    .executable(name: "d2-orgunits", targets: ["d2-orgunits-executable"]),
    .executable(name: "d2-datasets", targets: ["d2-datasets-executable"]),
    .executable(name: "d2-slices", targets: ["d2-slices-executable"]),
    .executable(name: "d2-map", targets: ["d2-map-executable"]),
    .executable(name: "d2-diff", targets: ["d2-diff-executable"]),
    .executable(name: "d2-convert", targets: ["d2-convert-executable"]),
  ],
  targets: [
    // C: block masks over JSON text, and the C libraries.
    .target(name: "CJSONBlocks", cSettings: [.unsafeFlags(["-O3"])]),
    .target(name: "CMemory"),
    .target(name: "CProcess"),
    .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CDeflate", providers: [.apt(["libdeflate-dev"])]),
    .systemLibrary(name: "CExpat", providers: [.apt(["libexpat1-dev"])]),
    .systemLibrary(name: "CIconv"),
    .systemLibrary(name: "CSodium", providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(name: "CPQ", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),

    // Each imports only those above it. DESIGN.md says what is where.
    .target(
      name: "D2Common", dependencies: ["CMemory", "CProcess", "CJSONBlocks"], swiftSettings: dataPath),
    .target(name: "D2Split", dependencies: ["D2Common", "CJSONBlocks"], swiftSettings: dataPath),
    // Linked in: hardly any machine has libdeflate.
    .target(
      name: "D2Client", dependencies: ["D2Split", "D2Common", "CCurl", "CZlib", "CDeflate"], swiftSettings: dataPath,
      linkerSettings: [.unsafeFlags(["-Xlinker", "-l:libdeflate.a"])]),
    .target(
      name: "D2Store", dependencies: ["D2Client", "D2Common", "CPQ", "CSQLite"],
      // integrator.sql is a link to the schema at the top of the package: psql and the commands apply the same text.
      resources: [.embedInCode("Pairs/integrator.sql"), .embedInCode("Pairs/sqlite.sql")], swiftSettings: dataPath,
      linkerSettings: [.linkedLibrary("pq")]),
    .target(name: "D2Ledger", dependencies: ["D2Store", "D2Client", "D2Common"], swiftSettings: dataPath),

    // The keyed hash by which d2-diff and d2-pull know lines again.
    .target(
      name: "D2Hash", dependencies: ["CSodium"], swiftSettings: dataPath,
      linkerSettings: [.unsafeFlags(["-Xlinker", "-l:libsodium.a"])]),

    // The core of d2-map, which the fuzzer needs too.
    .target(name: "D2Mapping", dependencies: ["D2Common"], swiftSettings: dataPath),

    // The forms of d2-convert. expat is linked in: not every machine has it.
    .target(
      name: "D2Convert", dependencies: ["D2Common", "CJSONBlocks", "CZlib", "CExpat", "CIconv"],
      swiftSettings: dataPath, linkerSettings: [.unsafeFlags(["-Xlinker", "-l:libexpat.a"])]),

    command("d2-pull", ["D2Split", "D2Hash", "CMemory"]),
    command("d2-push", ["CMemory", "CDeflate"]),
    command("d2-pairs"),
    command("d2-orgunits"),
    command("d2-datasets"),
    command("d2-slices", ["D2Ledger"], resources: [.embedInCode("Report/report.css")]),
    command("d2-map", ["D2Mapping"]),
    command("d2-diff", ["D2Hash"]),
    command("d2-convert", ["D2Convert"]),

    // All of them in one file, which is what gets installed: it does what the name says by which it is called.
    .executableTarget(
      name: "d2",
      dependencies: [
        "d2-pull", "d2-push", "d2-pairs", "d2-orgunits", "d2-datasets", "d2-slices", "d2-map", "d2-diff",
        "d2-convert", "D2Common", "CProcess",
      ], linkerSettings: besideTheCommands),
    // And each alone.
    executable("d2-pull"),
    executable("d2-push"),
    executable("d2-pairs"),
    executable("d2-orgunits"),
    executable("d2-datasets"),
    executable("d2-slices"),
    executable("d2-map"),
    executable("d2-diff"),
    executable("d2-convert"),

    // Makes manual pages and completions at packaging time; it is not installed.
    .executableTarget(name: "d2-pages", dependencies: ["D2Common"], path: "packaging/d2-pages"),

    // The stand-in DHIS2 server of the tests and the demo.
    .target(
      name: "StandInServer", dependencies: ["D2Store", "D2Client", "D2Common", "CZlib"], path: "Tests/StandIn/Server",
      swiftSettings: optimizedForTests),
    .executableTarget(name: "dhis2-stand-in", dependencies: ["StandInServer"], path: "Tests/StandIn/Main"),

    // What tests of several kinds share: stores of their own, random numbers.
    .target(
      name: "TestSupport", dependencies: ["D2Store", "D2Client", "D2Split", "D2Common", "CJSONBlocks", "CZlib"],
      path: "Tests/TestSupport"),

    // Tests that wait for processes and servers run on threads of their own.
    .target(name: "WaitingTests", dependencies: ["D2Common"], path: "Tests/WaitingTests"),

    .testTarget(name: "D2CommonTests", dependencies: ["D2Common", "CProcess", "TestSupport", "WaitingTests"]),
    .testTarget(
      name: "D2ClientTests", dependencies: ["D2Client", "D2Split", "D2Common", "StandInServer", "TestSupport"]),
    .testTarget(
      name: "D2StoreTests",
      dependencies: ["D2Store", "D2Client", "D2Common", "CSQLite", "TestSupport", "WaitingTests"]),
    .testTarget(
      name: "D2LedgerTests",
      dependencies: ["D2Ledger", "D2Store", "D2Client", "D2Common", "TestSupport", "WaitingTests"]),
    .testTarget(name: "D2SplitTests", dependencies: ["D2Split", "D2Common", "TestSupport", "WaitingTests"]),
    .testTarget(name: "D2MappingTests", dependencies: ["D2Mapping", "TestSupport"]),
    .testTarget(
      name: "PullUnitTests",
      dependencies: ["d2-pull", "D2Client", "D2Split", "D2Common", "StandInServer", "TestSupport"]),
    .testTarget(
      name: "PushUnitTests",
      dependencies: ["d2-push", "D2Store", "D2Client", "D2Common", "StandInServer", "TestSupport"]),
    .testTarget(
      name: "SliceUnitTests",
      dependencies: ["d2-slices", "D2Ledger", "D2Store", "D2Client", "D2Common", "TestSupport"]),
    .testTarget(name: "MapUnitTests", dependencies: ["d2-map", "D2Mapping", "D2Common", "TestSupport"]),
    .testTarget(name: "DiffUnitTests", dependencies: ["d2-diff", "D2Hash", "D2Client", "D2Common", "TestSupport"]),
    .testTarget(
      name: "ConvertUnitTests",
      dependencies: ["D2Convert", "d2-convert", "D2Common", "CProcess", "CZlib", "TestSupport"]),
    .testTarget(name: "PagesUnitTests", dependencies: ["d2-pages", "D2Common", "TestSupport"]),
    .testTarget(name: "StandInTests", dependencies: ["StandInServer", "D2Common", "TestSupport", "WaitingTests"]),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "d2", "d2-pull-executable", "d2-push-executable", "d2-pairs-executable", "d2-orgunits-executable",
        "d2-datasets-executable", "d2-slices-executable", "d2-map-executable", "d2-diff-executable",
        "d2-convert-executable", "d2-pages",
        "dhis2-stand-in", "StandInServer", "TestSupport", "WaitingTests", "D2Ledger", "D2Store", "D2Client", "D2Split",
        "D2Common",
      ]),
  ] + fuzzing,
  swiftLanguageModes: [.v6]
)
