import D2Common
import Glibc
import TestSupport
import Testing

@testable import D2Convert

@Suite("Columns of names")
struct NameColumnTests {
  private final class Names: IDLookup {
    func id(of text: String, _ field: ValueField) -> String { text }
    func name(of id: String, _ field: ValueField) -> String? { field == .orgUnit ? "=cmd|' /C calc'!A0, \"x\"" : nil }
  }

  @Test("a name that a spreadsheet would take for a formula is made a text; an id is written as it stands")
  func formulas() throws {
    let folder = Folder()
    var conversion = Conversion()
    conversion.inputs = [folder.file("in", #"{"dataElement":"=1+1","period":"2024","orgUnit":"u","value":"-5"}"#)]
    conversion.to = .csv
    conversion.hasNames = true
    conversion.lookup = Names()
    let path = folder.file("out", "")
    let file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
    defer { close(file) }
    let counts = try conversion.run(LineOutput(descriptor: file, name: "out"))
    #expect(counts.values == 1)
    let rows = String(decoding: try FileBytes.read(path), as: UTF8.self).split(separator: "\n")
    #expect(rows.last == #"=1+1,,2024,u,"'=cmd|' /C calc'!A0, ""x""",,,,,-5,,,,,"#)
  }
}
