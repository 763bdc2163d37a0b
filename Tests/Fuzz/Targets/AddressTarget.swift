import D2Client
import D2Common

extension FuzzTarget {
  /// An address has one normal form. It contains nothing that ends a header or begins a query, and no secret.
  static let address = FuzzTarget(name: "address") { input in
    let text = String(decoding: input, as: UTF8.self)
    let url: ServerURL
    do throws(ServerURL.Invalid) { url = try ServerURL(text) } catch {
      guard let at = text.utf8.lastIndex(of: UInt8(ascii: "@")) else { return }
      let user = text[..<at].lowercased()
      // The message may contain short texts by chance.
      guard user.utf8.count > 12, !text[at...].lowercased().contains(user) else { return }
      mustHold(!"\(error)".lowercased().contains(user), "\(error) holds what may be a password")
      return
    }
    let form = url.description
    let again = try ServerURL(form)
    mustHold(again == url, "\(form) is the form of \(text), but its own is \(again)")
    mustHold(form.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "\(form) is printable")
    mustHold(form.hasPrefix("http://") || form.hasPrefix("https://"), "\(form) has a scheme")
    mustHold(!form.hasSuffix("/") && !form.contains("?") && !form.contains("#"), "\(form) ends at its context")
    mustHold(!url.authority.contains("@") && !url.authority.isEmpty, "\(form) has a host and no user")
    for ending in ["/", "/api", "/api/", "/api/40", "/api/40//"] {
      let longer = try ServerURL(form + ending)
      mustHold(longer == url, "\(form)\(ending) is \(longer)")
    }
  }
}
