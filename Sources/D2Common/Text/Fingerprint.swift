/// A short name for a text that is the same in each process: the 64 bits of FNV-1a in hexadecimal digits. It
/// distinguishes files, but is not a secure hash.
package enum Fingerprint {
  package static func of(_ text: String) -> String {
    let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return String(hash, radix: 16)
  }
}
