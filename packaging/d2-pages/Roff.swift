import D2Common

/// The source of a manual page, of the macros that every `man` knows.
struct Roff {
  private(set) var source = ""
  /// After a heading the first paragraph needs no mark, and `mandoc` warns of one.
  private var isAfterHeading = false

  /// Lines of text are no longer than this in the source; `man` fills them anew.
  private static let width = 78
  /// Examples are broken if a terminal of 80 columns would break them anywhere.
  private static let exampleWidth = 66

  mutating func title(_ name: String, section: Int) {
    source += ".TH \(name.uppercased()) \(section) \(D2.date) \"d2 \(D2.version)\" d2\n"
  }

  mutating func heading(_ title: String) {
    source += ".SH \(title)\n"
    isAfterHeading = true
  }

  mutating func subheading(_ title: String) {
    source += ".SS \(Self.literal(title))\n"
    isAfterHeading = true
  }

  /// The name of what follows, if a subheading would be too much.
  mutating func label(_ text: String) {
    if !isAfterHeading { source += ".PP\n" }
    source += "\\fB\(Self.literal(text))\\fR\n"
    isAfterHeading = false
  }

  /// A line that is roff already.
  mutating func line(_ roff: String) { source += roff + "\n" }

  mutating func paragraph(_ text: String) {
    if !isAfterHeading { source += ".PP\n" }
    isAfterHeading = false
    filled(text)
  }

  /// A head, which is roff already, and its indented text.
  mutating func item(_ head: String, _ text: String) {
    source += ".TP\n\(head)\n"
    isAfterHeading = false
    filled(text)
  }

  /// Lines that are roff already, kept as they are.
  mutating func verbatim(_ lines: [String]) {
    source += ".nf\n\(lines.joined(separator: "\n"))\n.fi\n"
    isAfterHeading = false
  }

  /// A command line, indented; a long one goes on in further lines, as a shell reads them.
  mutating func example(_ command: String) {
    source += ".PP\n.RS 4\n"
    verbatim(Self.broken(command).map(Self.literal))
    source += ".RE\n"
  }

  private mutating func filled(_ text: String) {
    var line = ""
    for word in Self.prose(text).split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > Self.width {
        source += line + "\n"
        line = ""
      }
      // What stands at a line's beginning may look like a request to roff.
      if line.isEmpty {
        line = word.first == "." || word.first == "'" ? "\\&\(word)" : String(word)
      } else {
        line += " \(word)"
      }
    }
    source += line + "\n"
  }

  /// Text in which words between backquotes are bold.
  static func prose(_ text: String) -> String {
    text.split(separator: "`", omittingEmptySubsequences: false).enumerated().map { index, part in
      index % 2 == 0 ? escaped(part, quotes: false) : "\\fB\(escaped(part, quotes: true))\\fR"
    }.joined()
  }

  /// Text to be typed as it stands: its quotes must stay those of a keyboard.
  static func literal(_ text: String) -> String {
    let roff = escaped(text, quotes: true)
    return roff.hasPrefix(".") ? "\\&\(roff)" : roff
  }

  private static func escaped(_ text: some StringProtocol, quotes: Bool) -> String {
    var out = ""
    for character in text {
      switch character {
      case "\\": out += "\\e"
      case "-": out += "\\-"
      case "~": out += "\\(ti"
      case "^": out += "\\(ha"
      case "'" where quotes: out += "\\(aq"
      case "`": out += "\\(ga"
      case "…": out += "..."
      case "×": out += "\\(mu"
      default: out.append(character)
      }
    }
    return out
  }

  /// The lines of a command: broken after pipes and `&&`, and before options if those stand outside quotes.
  private static func broken(_ command: String) -> [String] {
    var pieces: [String] = []
    var piece = ""
    var quote: Character?
    for character in command {
      let joins = piece.hasSuffix("| ") || piece.hasSuffix("&& ")
      if joins || (quote == nil && character == "-" && piece.hasSuffix(" ")) {
        pieces.append(piece)
        piece = ""
      }
      piece.append(character)
      if character == quote {
        quote = nil
      } else if quote == nil, character == "'" || character == "\"" {
        quote = character
      }
    }
    pieces.append(piece)
    var lines: [String] = []
    var line = ""
    for piece in pieces {
      if !line.isEmpty, line.count + piece.count > exampleWidth {
        // A line that ends with a pipe or && continues without a backslash.
        lines.append(line.hasSuffix("| ") || line.hasSuffix("&& ") ? String(line.dropLast()) : line + "\\")
        line = "  "
      }
      line += piece
    }
    return lines + [line]
  }
}
