import D2Common

/// The proxy for a server from the environment, and the hosts that need none. The rules are curl's, except for
/// `HTTP_PROXY` in capitals. curl ignores it, because a web server sets it from a request's header for its programs.
/// Here it counts.
package struct ProxyChoice: Sendable, Equatable {
  /// `nil` for a direct connection.
  package let address: String?
  package let except: String?

  /// The names of all variables that are read, in capitals. The same name in lower case takes precedence.
  package static let variables = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]

  package init(for server: ServerURL, _ environment: [String: String]) {
    func variable(_ name: String) -> String? {
      [name.lowercased(), name].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    }
    address = variable(server.scheme == "https" ? "HTTPS_PROXY" : "HTTP_PROXY") ?? variable("ALL_PROXY")
    except = variable("NO_PROXY")
  }

  /// Hides the proxy's address, because libcurl repeats an invalid address, which may contain a password.
  func hidden(in text: String) -> String {
    guard let address, address.contains("@"), let place = text.firstRange(of: address.prefix(10)) else { return text }
    return text[..<place.lowerBound].trimmed + " (the proxy's address is not shown)"
  }
}
