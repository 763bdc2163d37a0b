import CCurl
import D2Common

/// The cookies of a client, in the store that its libcurl handles share, as the lines of Netscape's file of cookies.
///
/// A DHIS2 server ends sessions while a run goes on: with a token each sign-in makes one, and ten newer ones end the
/// oldest. What then comes in answer to the old cookie is a redirect to the logout page, from some servers 401,
/// whatever else the request says.
enum SessionCookies {
  /// Those that a request on this handle would carry.
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

  /// Takes out what a request carried, and leaves what another request has got since.
  static func forget(_ carried: [String], _ handle: CurlHandle) {
    let stale = Set(carried.compactMap(identity))
    for line in all(handle) {
      guard let identity = identity(line), stale.contains(identity) else { continue }
      var fields = fields(line)
      // A moment long ago.
      fields[expiry] = "1"
      d2_curl_set_string(handle.raw, CURLOPT_COOKIELIST, fields.joined(separator: "\t"))
    }
  }

  /// Lets a handle carry none, and keep those that it gets to itself.
  static func detach(_ handle: CurlHandle) {
    d2_curl_set_share(handle.raw, nil)
    d2_curl_set_string(handle.raw, CURLOPT_COOKIEFILE, "")
    d2_curl_set_string(handle.raw, CURLOPT_COOKIELIST, "ALL")
  }

  /// Puts those that a detached handle got into the shared store.
  static func attach(_ handle: CurlHandle) {
    let fresh = all(handle)
    d2_curl_set_string(handle.raw, CURLOPT_COOKIELIST, "ALL")
    adopt(fresh, handle)
  }

  /// Puts cookies into the shared store.
  static func adopt(_ lines: [String], _ handle: CurlHandle) {
    guard !lines.isEmpty, let share = handle.share.pointer else { return }
    d2_curl_set_share(handle.raw, UnsafeMutableRawPointer(share))
    for line in lines { d2_curl_set_string(handle.raw, CURLOPT_COOKIELIST, line) }
  }

  /// domain, whether its subdomains too, path, whether by TLS only, expiry, name, value.
  private static let expiry = 4

  private static func fields(_ line: String) -> [Substring] {
    line.split(separator: "\t", omittingEmptySubsequences: false)
  }

  /// All but the expiry, which a server moves on with each answer.
  private static func identity(_ line: String) -> [Substring]? {
    var fields = fields(line)
    guard fields.count > expiry + 1 else { return nil }
    fields.remove(at: expiry)
    return fields
  }
}
