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
      throw Invalid(description: "\(text.quoted) is not a URL: write https://host/context")
    }
    let scheme = text[..<schemeEnd.lowerBound].lowercased()
    guard scheme == "https" || scheme == "http" else {
      throw Invalid(description: "URL scheme \(scheme.quoted) is not https or http")
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
    if segments.count >= 2, segments[segments.count - 2] == "api", segments.last!.allSatisfy(\.isNumber) {
      segments.removeLast()
    }
    if segments.last == "api" { segments.removeLast() }
    self.scheme = scheme
    self.authority = authority.lowercased()
    context = segments.map { "/" + $0 }.joined()
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
