import Glibc

/// The environment as a dictionary.
package func processEnvironment() -> [String: String] {
  var variables: [String: String] = [:]
  var entry = environ
  while let text = entry.pointee {
    // By bytes, because a value may begin with a combining mark that would merge with the "=".
    if let equals = strchr(text, Int32(UInt8(ascii: "="))) {
      let name = UnsafeRawBufferPointer(start: text, count: equals - text)
      variables[String(decoding: name, as: UTF8.self)] = String(cString: equals + 1)
    }
    entry += 1
  }
  return variables
}
