import D2Common
import Glibc

/// The texts of one input: a file or standard input, the content of a compressed file, or the members of an archive.
final class InputTexts {
  private let path: String
  private let encoding: String?
  private var archive: ZipArchive?
  private var hasBegun = false
  /// The same texts again, for forms that are read twice.
  private var others: InputTexts?
  /// How many texts were returned.
  private(set) var count = 0

  /// - Parameters:
  ///   - path: the path; `-` is standard input.
  ///   - encoding: the name of the encoding; `nil` to detect it.
  init(_ path: String, encoding: String?) {
    self.path = path
    self.encoding = encoding
  }

  /// The name for messages.
  var name: String { path == "-" ? "standard input" : path }

  /// The next text, as UTF-8; `nil` after the last.
  ///
  /// - Throws: `CommandFailure`: 65 for a damaged archive, 74 if a file cannot be read.
  func next() throws -> EncodedSource? {
    guard let bytes = try nextBytes() else { return nil }
    count += 1
    return try EncodedSource(bytes, encoding: encoding)
  }

  private func nextBytes() throws -> (any ByteSource)? {
    if hasBegun { return try nextMember() }
    hasBegun = true
    var source = InputBlock(try open())
    // A proxy may have compressed a gzip file a second time.
    for _ in 0..<2 where try source.begins(with: [0x1F, 0x8B]) { source = InputBlock(GzipSource(source)) }
    // An archive without files consists of its end only.
    if try source.begins(with: "PK\u{3}\u{4}".utf8) || source.begins(with: "PK\u{5}\u{6}".utf8) {
      archive = ZipArchive(source)
      return try nextMember()
    }
    return source
  }

  private func nextMember() throws -> (any ByteSource)? {
    guard let member = try archive?.nextMember() else { return nil }
    if let problem = InputForm.foreign(member: member.name) {
      throw CommandFailure.malformed(name, nil, problem)
    }
    return member
  }

  private func open() throws -> any ByteSource {
    path == "-" ? DescriptorSource(descriptor: 0, name: name) : try DescriptorSource(path: path)
  }

  // MARK: Reading twice

  /// The current text again, from its beginning; `nil` if the input can be read only once, because it is a pipe.
  func again() throws -> EncodedSource? {
    guard let path = pathOfFile() else { return nil }
    let others = others ?? InputTexts(path, encoding: encoding)
    self.others = others
    // The texts in between were read only once.
    while others.count < count - 1 { guard try others.next() != nil else { return nil } }
    return try others.next()
  }

  /// The path of a regular file that is read from its beginning.
  private func pathOfFile() -> String? {
    var information = stat()
    let isKnown = path == "-" ? fstat(0, &information) == 0 : stat(path, &information) == 0
    guard isKnown, information.st_mode & S_IFMT == S_IFREG else { return nil }
    return path == "-" ? standardInputAtItsBeginning : path
  }

  /// If standard input is a redirected file, this path opens it again. `nil` if it was not at its beginning when this
  /// object was created.
  private var standardInputAtItsBeginning: String? { beganAtZero ? "/proc/self/fd/0" : nil }

  private let beganAtZero = lseek(0, 0, SEEK_CUR) == 0
}
