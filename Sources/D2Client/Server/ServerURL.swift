import D2Common

/// The address of a DHIS2 server in its normal form: `https://host[:port][/context]`, without `/api` and trailing
/// slashes.
package struct ServerURL: Sendable, Equatable, CustomStringConvertible {
  /// `http` or `https`.
  package let scheme: String
  /// Host and port as written, with the host in lower case.
  package let authority: String
  /// The path of the application, with a leading slash and without a trailing one; or empty.
  package let context: String
  /// Whether it was taken from the address of a page or a resource of the server, as a browser shows it.
  package let isOfPage: Bool
  /// The origin of the address and its credentials, for advice. It is not part of the address.
  package private(set) var access: Access?

  /// The origin of an address and its credentials.
  package struct Access: Sendable {
    /// The end of a pair with this address; `nil` for an address on the command line.
    package var end: PairEnd?
    package var signIn: SignIn.Origin
    /// Whether the command has the option `--ca-file`, and it was not given.
    package var offersCAFile = false
  }

  /// The same address with its origin.
  package func reached(_ access: Access) -> ServerURL {
    var url = self
    url.access = access
    return url
  }

  /// The advice if the server refuses the credentials.
  package var credentialsAdvice: String { access?.signIn.advice ?? "check the credentials" }

  /// What to type to give another address.
  func renaming(to address: String) -> String {
    guard let end = access?.end else { return "--url \(address)" }
    return "d2-pairs set \(end.pair) --\(end.side.rawValue)-url \(address)"
  }

  package static func == (a: ServerURL, b: ServerURL) -> Bool {
    a.scheme == b.scheme && a.authority == b.authority && a.context == b.context
  }

  /// The problem with an address.
  package struct Invalid: Error, CustomStringConvertible {
    package let description: String
  }

  /// Parses an address, with or without `/api` or `/api/NN` and trailing slashes, or the address of a DHIS2 page.
  ///
  /// - Parameter cutsPages: false for a server other than DHIS2, for example a queue, whose paths may look like DHIS2
  ///   pages.
  /// - Throws: `Invalid` for another scheme, user-info (secrets do not belong in an address), a query or a fragment.
  package init(_ text: String, cutsPages: Bool = true) throws(Invalid) {
    guard let schemeEnd = text.firstRange(of: "://") else {
      throw Invalid(description: "\(Self.withoutUser(text).quoted) is not a URL: write https://host/context")
    }
    let scheme = text[..<schemeEnd.lowerBound].lowercased()
    guard scheme == "https" || scheme == "http" else {
      throw Invalid(description: "URL scheme \(Self.withoutUser(scheme).quoted) is not https or http")
    }
    let rest = text[schemeEnd.upperBound...]
    let path = rest.prefix { $0 != "?" && $0 != "#" }
    let authority = path.prefix { $0 != "/" }
    // Anywhere, because a password may contain / ? or #.
    guard !rest.contains("@") else {
      throw Invalid(
        description:
          "the URL holds a user name or password: take them out, and give them by an option or the environment (--help says which)"
      )
    }
    guard !authority.isEmpty, !authority.hasPrefix(":"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw Invalid(description: "the URL has no valid host name")
    }
    var segments = path.dropFirst(authority.count).split(separator: "/", omittingEmptySubsequences: true)
    isOfPage = DHIS2Page.cutOff(&segments, pages: cutsPages)
    let server = "\(scheme)://\(authority.lowercased())\(segments.map { "/" + $0 }.joined())"
    // After the address of a page, they belong to the page.
    guard path.count == rest.count || isOfPage else {
      throw Invalid(
        description: "the server's URL ends at its context: remove the ? or # and what follows, as in \(server)")
    }
    self.scheme = scheme
    self.authority = authority.lowercased()
    context = segments.map { "/" + $0 }.joined()
  }

  /// The address for messages. The text before an @ may be a password, whatever else is wrong.
  private static func withoutUser(_ text: String) -> String {
    text.utf8.lastIndex(of: UInt8(ascii: "@")).map { "********" + text[$0...] } ?? text
  }

  package var description: String { "\(scheme)://\(authority)\(context)" }

  /// The address of a path of the Web API: `/api/me`. The path begins with a slash.
  package func appending(_ path: String) -> String { description + path }
}
