import CCurl
import D2Common

/// The cookies of a client, in the store that its libcurl handles share, as lines of Netscape's cookie file format.
///
/// A DHIS2 server ends sessions during a run. With a token, each sign-in creates a session, and after ten newer ones
/// the oldest ends. The answer to the old cookie is then a redirect to the logout page, or 401 from some servers,
/// whatever the request.
enum SessionCookies {
  /// The cookies that a request on this handle would send.
  static func all(_ handle: CurlHandle) -> [String] {
    var list: UnsafeMutablePointer<curl_slist>?
    d2_curl_get_list(handle.raw, CURLINFO_COOKIELIST, &list)
    defer { curl_slist_free_all(list) }
    var lines: [String] = []
    var node = list
    while let item = node {
      if let data = item.pointee.data { lines.append(String(cString: data)) }
      node = item.pointee.next
    }
    return lines
  }

  /// The token against cross-site requests among these cookies. From 2.42 on, a server with
  /// `http.security.csrf.enabled` refuses a POST that does not repeat the cookie in a header (docs/dhis2-servers.md,
  /// "Signing in").
  static func crossSiteToken(in lines: [String]) -> String? {
    guard let line = lines.first(where: holdsCrossSiteToken) else { return nil }
    let token = String(fields(line)[value])
    // A header must not hold anything else.
    return !token.isEmpty && token.utf8.allSatisfy { (0x21...0x7E).contains($0) } ? token : nil
  }

  /// The header that repeats the token.
  static let crossSiteHeader = "X-XSRF-TOKEN"

  /// Whether the cookie is the token against cross-site requests. It does not belong to a session, and outlives it.
  static func holdsCrossSiteToken(_ line: String) -> Bool {
    let fields = fields(line)
    return fields.count > value && fields[name] == "XSRF-TOKEN"
  }

  /// Removes the cookies that a request sent, except for the token against cross-site requests. Keeps those that
  /// another request got since.
  static func forget(_ carried: [String], _ handle: CurlHandle) {
    let stale = Set(carried.filter { !holdsCrossSiteToken($0) }.compactMap(identity))
    for line in all(handle) {
      guard let identity = identity(line), stale.contains(identity) else { continue }
      var fields = fields(line)
      // A date in the past.
      fields[expiry] = "1"
      d2_curl_set_string(handle.raw, CURLOPT_COOKIELIST, fields.joined(separator: "\t"))
    }
  }

  /// Separates a handle from the store: it sends only the token against cross-site requests, and keeps new cookies to
  /// itself.
  static func detach(_ handle: CurlHandle) {
    let tokens = shared(handle).filter(holdsCrossSiteToken)
    d2_curl_set_share(handle.raw, nil)
    d2_curl_set_string(handle.raw, CURLOPT_COOKIEFILE, "")
    d2_curl_set_string(handle.raw, CURLOPT_COOKIELIST, "ALL")
    for line in tokens { d2_curl_set_string(handle.raw, CURLOPT_COOKIELIST, line) }
  }

  /// The cookies of the store, also if the handle is not connected with it yet.
  private static func shared(_ handle: CurlHandle) -> [String] {
    guard let share = handle.share.pointer else { return [] }
    d2_curl_set_share(handle.raw, UnsafeMutableRawPointer(share))
    return all(handle)
  }

  /// Moves the cookies of a separated handle to the shared store.
  static func attach(_ handle: CurlHandle) {
    let fresh = all(handle)
    d2_curl_set_string(handle.raw, CURLOPT_COOKIELIST, "ALL")
    adopt(fresh, handle)
  }

  /// Adds cookies to the shared store.
  static func adopt(_ lines: [String], _ handle: CurlHandle) {
    guard !lines.isEmpty, let share = handle.share.pointer else { return }
    d2_curl_set_share(handle.raw, UnsafeMutableRawPointer(share))
    for line in lines { d2_curl_set_string(handle.raw, CURLOPT_COOKIELIST, line) }
  }

  /// The fields: domain, whether its subdomains too, path, whether only with TLS, expiry, name, value.
  private static let expiry = 4
  private static let name = 5
  private static let value = 6

  private static func fields(_ line: String) -> [Substring] {
    line.split(separator: "\t", omittingEmptySubsequences: false)
  }

  /// All fields except the expiry, which a server extends with each answer.
  private static func identity(_ line: String) -> [Substring]? {
    var fields = fields(line)
    guard fields.count > expiry + 1 else { return nil }
    fields.remove(at: expiry)
    return fields
  }
}
