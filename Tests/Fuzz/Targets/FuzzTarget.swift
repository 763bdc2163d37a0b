import D2Common
import Glibc

/// A fuzz target: its name, and the property that must hold for every input.
struct FuzzTarget: Sendable {
  let name: String
  let check: @Sendable ([UInt8]) throws -> Void

  /// Each target has a folder with its name in `Tests/Fuzz/corpus`.
  static let all: [FuzzTarget] = [
    .splitter, .blocks, .line, .lines, .json, .summary, .period, .mapping, .address, .configuration, .secret, .slice,
    .decimal, .gzip, .xml, .zipArchive, .encoding, .documents, .tables,
  ]

  /// The target in `D2_FUZZ_TARGET`.
  static let chosen: FuzzTarget = {
    let name = processEnvironment()["D2_FUZZ_TARGET"] ?? ""
    if let target = all.first(where: { $0.name == name }) { return target }
    var message = "d2-fuzz: D2_FUZZ_TARGET is \"\(name)\", not one of \(all.map(\.name).joined(separator: " "))\n"
    _ = message.withUTF8 { write(2, $0.baseAddress, $0.count) }
    exit(64)
  }()
}

/// Checks a property. If it does not hold, the process ends, and libFuzzer keeps the input.
func mustHold(_ holds: Bool, _ otherwise: @autoclosure () -> String) {
  guard !holds else { return }
  fatalError("the property does not hold: \(otherwise())")
}

/// The function that libFuzzer calls.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ length: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: length))
  do { try FuzzTarget.chosen.check(input) } catch { mustHold(false, "nothing but a listed error is thrown: \(error)") }
  return 0
}
