import D2Common

/// The address of a DHIS2 server in its one normal form: `https://host[:port][/context]`, without `/api` and trailing
/// slashes.
package struct ServerURL: Sendable, Equatable, CustomStringConvertible {
  /// `http` or `https`.
  package let scheme: String
  /// Host and port as they were written, host in lower case.
  package let authority: String
  /// Empty, or the path of the application with a leading slash and none at the end.
  package let context: String
  /// Whether it was cut out of the address of a page or a resource of the server, as a browser shows it.
  package let isOfPage: Bool
  /// How it was named and is signed in to, for advice; no part of the address.
  package private(set) var access: Access?

  /// Where an address and its credentials came from.
  package struct Access: Sendable {
    /// The end of a pair whose address it is; `nil` for one on the command line.
    package var end: PairEnd?
    package var signIn: SignIn.Origin
    /// Whether the command takes `--ca-file`, and was not given it.
    package var offersCAFile = false
  }

  /// The same address, of which is known where it came from.
  package func reached(_ access: Access) -> ServerURL {
    var url = self
    url.access = access
    return url
  }

  /// What to do when the server refuses the credentials.
  package var credentialsAdvice: String { access?.signIn.advice ?? "check the credentials" }

  /// What somebody types to give another address instead.
  func renaming(to address: String) -> String {
    guard let end = access?.end else { return "--url \(address)" }
    return "d2-pairs set \(end.pair) --\(end.side.rawValue)-url \(address)"
  }

  package static func == (a: ServerURL, b: ServerURL) -> Bool {
    a.scheme == b.scheme && a.authority == b.authority && a.context == b.context
  }

  /// What was wrong with the text of an address.
  package struct Invalid: Error, CustomStringConvertible {
    package let description: String
  }

  /// Accepts the address with or without `/api` or `/api/NN` and slashes at the end, and that of a page of DHIS2.
  ///
  /// - Parameter cutsPages: false for a server other than DHIS2, such as a queue, whose paths may look like its pages.
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
    // Wherever the @ stands: a password may hold a / ? or #.
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
    // Behind a page's address they are the page's own affair.
    guard path.count == rest.count || isOfPage else {
      throw Invalid(
        description: "the server's URL ends at its context: remove the ? or # and what follows, as in \(server)")
    }
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
