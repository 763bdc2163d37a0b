/// DHIS2's ids of objects.
public enum UID {
  /// Whether a text is a letter and ten letters or digits (`CodeGenerator` in dhis2-core).
  public static func canBe(_ text: String) -> Bool { canBe(bytes: text.utf8) }

  /// The same for the bytes of a text.
  public static func canBe(bytes: some Collection<UInt8>) -> Bool {
    func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & 0xDF) && byte < 0x80 }
    guard bytes.count == 11, isLetter(bytes.first!) else { return false }
    return bytes.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
  }
}
