/// The address of a DHIS2 server in its one normal form: `https://host[:port][/context]`, without `/api` and trailing slashes.
package struct ServerURL: Sendable, Equatable, CustomStringConvertible {
  /// `http` or `https`.
  package let scheme: String
  /// Host and port as they were written, host in lower case.
  package let authority: String
  /// Empty, or the path of the application with a leading slash and none at the end.
  package let context: String

  /// What was wrong with the text of an address.
  package struct Invalid: Error, CustomStringConvertible {
    package let description: String
  }

  /// Accepts the address with or without `/api` or `/api/NN` and slashes at the end.
  ///
  /// - Throws: `Invalid` for another scheme, user-info (secrets do not belong in an address), a query or a fragment.
  package init(_ text: String) throws(Invalid) {
    guard let schemeEnd = text.firstRange(of: "://") else {
      throw Invalid(description: "\(Self.withoutUser(text).quoted) is not a URL: write https://host/context")
    }
    let scheme = text[..<schemeEnd.lowerBound].lowercased()
    guard scheme == "https" || scheme == "http" else {
      throw Invalid(description: "URL scheme \(Self.withoutUser(scheme).quoted) is not https or http")
    }
    let rest = text[schemeEnd.upperBound...]
    guard !rest.contains("?"), !rest.contains("#") else {
      throw Invalid(description: "the server's URL ends at its context: remove the ? or # and what follows")
    }
    let authority = rest.prefix { $0 != "/" }
    guard !authority.contains("@") else {
      throw Invalid(
        description: "the URL holds a user name or password: give them by D2_USERNAME and D2_PASSWORD, D2_PAT or a file"
      )
    }
    guard !authority.isEmpty, !authority.hasPrefix(":"), rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw Invalid(description: "the URL has no valid host name")
    }
    var segments = rest.dropFirst(authority.count).split(separator: "/", omittingEmptySubsequences: true)
    // Twice where somebody put /api behind an address that had it: else the normal form would have another one.
    while let api = segments.lastIndex(of: "api"), segments[(api + 1)...].allSatisfy({ $0.allSatisfy(\.isNumber) }),
      segments.count - api <= 2
    { segments.removeSubrange(api...) }
    self.scheme = scheme
    self.authority = authority.lowercased()
    context = segments.map { "/" + $0 }.joined()
  }

  /// For messages: what somebody wrote before an @ may be a password, whatever else is wrong.
  private static func withoutUser(_ text: String) -> String {
    text.utf8.lastIndex(of: UInt8(ascii: "@")).map { "********" + text[$0...] } ?? text
  }

  package var description: String { "\(scheme)://\(authority)\(context)" }

  /// The address of a path of the Web API, which begins with a slash: `/api/me`.
  package func appending(_ path: String) -> String { description + path }
}

extension StringProtocol {
  /// In double quotes, for messages.
  package var quoted: String { "\"\(self)\"" }

  /// Where a substring stands first.
  package func firstRange(of needle: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(needle) { return start..<index(start, offsetBy: needle.count) }
      start = index(after: start)
    }
    return nil
  }
}
