import D2Common

/// The proxy that the environment names for a server, and the hosts that need none: by curl's rules, but for
/// `HTTP_PROXY` in capitals. curl passes it over, since a web server sets it from a request's header for the programs
/// that it runs; here it counts.
package struct ProxyChoice: Sendable, Equatable {
  /// `nil` if the server is spoken to directly.
  package let address: String?
  package let except: String?

  /// The names of all variables that are read, in capitals; each counts in small letters too, and first.
  package static let variables = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]

  package init(for server: ServerURL, _ environment: [String: String]) {
    func variable(_ name: String) -> String? {
      [name.lowercased(), name].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    }
    address = variable(server.scheme == "https" ? "HTTPS_PROXY" : "HTTP_PROXY") ?? variable("ALL_PROXY")
    except = variable("NO_PROXY")
  }

  /// libcurl repeats an address that it cannot use, which may hold a password.
  func hidden(in text: String) -> String {
    guard let address, address.contains("@"), let place = text.firstRange(of: address.prefix(10)) else { return text }
    return text[..<place.lowerBound].trimmed + " (the proxy's address is not shown)"
  }
}
