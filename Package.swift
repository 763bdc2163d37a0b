// swift-tools-version: 6.1
import PackageDescription

// No Swift package is needed: what d2 does not do itself comes from C libraries that every Debian has
// (libcurl, zlib, libpq, SQLite) or that are linked in (libdeflate). DESIGN.md tells why.

// Accessors of D2Common's types stand on the data path of the commands: they must be inlined across modules.
let dataPath: [SwiftSetting] = [
  .unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release))
]

// scripts/install puts libcurl, libpq and libsqlite3 beside the commands, for machines that lack them.
let besideTheCommands: [LinkerSetting] = [.unsafeFlags(["-Xlinker", "-rpath=$ORIGIN/../lib/d2"])]

// Only for scripts/fuzz: they are linked with libFuzzer, which an ordinary build is not.
let fuzzing: [Target] =
  Context.environment["D2_FUZZ"] == nil
  ? []
  : [
    .target(
      name: "FuzzTargets", dependencies: ["D2Common", "CJSONBlocks", "CZlib", "TestSupport"], path: "Tests/Fuzz/Targets"
    ),
    .executableTarget(name: "d2-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Main"),
  ]

let package = Package(
  name: "d2",
  products: [
    .executable(name: "d2-pull", targets: ["d2-pull"]),
    .executable(name: "d2-push", targets: ["d2-push"]),
    .executable(name: "d2-pairs", targets: ["d2-pairs"]),
    .executable(name: "d2-orgunits", targets: ["d2-orgunits"]),
    .executable(name: "d2-datasets", targets: ["d2-datasets"]),
    .executable(name: "d2-slices", targets: ["d2-slices"]),
    .executable(name: "d2-map", targets: ["d2-map"]),
    .executable(name: "d2-diff", targets: ["d2-diff"]),
  ],
  targets: [
    // C: block masks over JSON text, and the C libraries.
    .target(name: "CJSONBlocks", cSettings: [.unsafeFlags(["-O3"])]),
    .target(name: "CMemory"),
    .target(name: "CProcess"),
    .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CDeflate", providers: [.apt(["libdeflate-dev"])]),
    .systemLibrary(name: "CSodium", providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(name: "CPQ", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),

    .target(
      name: "D2Common", dependencies: ["CJSONBlocks", "CMemory", "CCurl", "CZlib", "CPQ", "CSQLite", "CProcess"],
      // integrator.sql is a link to the schema at the top of the package: psql and the commands apply the same text.
      resources: [.embedInCode("Store/integrator.sql"), .embedInCode("Store/sqlite.sql")], swiftSettings: dataPath,
      linkerSettings: [.linkedLibrary("pq")]),
    .executableTarget(
      name: "d2-pull", dependencies: ["D2Common", "CMemory"], swiftSettings: dataPath, linkerSettings: besideTheCommands
    ),
    .executableTarget(
      name: "d2-push", dependencies: ["D2Common", "CMemory", "CDeflate"], swiftSettings: dataPath,
      // Linked in: hardly any machine has libdeflate.
      linkerSettings: besideTheCommands + [.unsafeFlags(["-Xlinker", "-l:libdeflate.a"])]),
    .executableTarget(
      name: "d2-pairs", dependencies: ["D2Common"], swiftSettings: dataPath, linkerSettings: besideTheCommands),
    .executableTarget(
      name: "d2-orgunits", dependencies: ["D2Common"], swiftSettings: dataPath, linkerSettings: besideTheCommands),
    .executableTarget(
      name: "d2-datasets", dependencies: ["D2Common"], swiftSettings: dataPath, linkerSettings: besideTheCommands),
    .executableTarget(
      name: "d2-slices", dependencies: ["D2Common", "CProcess"], resources: [.embedInCode("Report/report.css")],
      swiftSettings: dataPath, linkerSettings: besideTheCommands),
    .executableTarget(
      name: "d2-map", dependencies: ["D2Common"], swiftSettings: dataPath, linkerSettings: besideTheCommands),
    .executableTarget(
      name: "d2-diff", dependencies: ["D2Common", "CSodium", "CProcess"], swiftSettings: dataPath,
      linkerSettings: besideTheCommands + [.unsafeFlags(["-Xlinker", "-l:libsodium.a"])]),

    // The stand-in DHIS2 server of the tests and the demo.
    .target(name: "StandInServer", dependencies: ["D2Common", "CZlib"], path: "Tests/StandIn/Server"),
    .executableTarget(name: "dhis2-stand-in", dependencies: ["StandInServer"], path: "Tests/StandIn/Main"),

    // What tests of several kinds share: stores of their own, random numbers.
    .target(name: "TestSupport", dependencies: ["D2Common", "CZlib"], path: "Tests/TestSupport"),

    .testTarget(name: "D2CommonTests", dependencies: ["D2Common", "CJSONBlocks", "CSQLite", "TestSupport"]),
    .testTarget(name: "PullUnitTests", dependencies: ["d2-pull", "TestSupport"]),
    .testTarget(name: "PushUnitTests", dependencies: ["d2-push", "D2Common", "TestSupport"]),
    .testTarget(name: "SliceUnitTests", dependencies: ["d2-slices", "D2Common", "TestSupport"]),
    .testTarget(name: "MapUnitTests", dependencies: ["d2-map", "TestSupport"]),
    .testTarget(name: "DiffUnitTests", dependencies: ["d2-diff", "D2Common", "TestSupport"]),
    .testTarget(name: "StandInTests", dependencies: ["StandInServer"]),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "d2-pull", "d2-push", "d2-pairs", "d2-orgunits", "d2-datasets", "d2-slices", "d2-map", "d2-diff",
        "dhis2-stand-in", "StandInServer", "TestSupport", "D2Common",
      ]),
  ] + fuzzing,
  swiftLanguageModes: [.v6]
)
