import D2Common
import Testing

@testable import D2Client

/// The origins of the secrets in a pair's configuration.
@Suite("Secret")
struct SecretTests {
  private static func resolve(_ text: String) -> String {
    do { return try Secret(text).resolve(environment: ["WORD": "s3cret", "PATH": "/usr/bin:/bin"]) } catch {
      return "\(error.exitStatus.rawValue): \(error)"
    }
  }

  @Test(
    "a reference leads to the secret",
    arguments: [
      ("l1teral", "l1teral"), ("env:WORD", "s3cret"), ("env:", "env:"), ("cmd:echo \"$WORD\"", "s3cret"),
      ("cmd:printf 'first\\nsecond'", "first"), ("cmd:printf 'first\\r\\nsecond'", "first"),
      ("cmd:printf 'a b\\302\\205c'", "a b\u{85}c"), ("cmd:cat; echo after", "after"),
      ("cmd:echo trouble > /dev/null; echo word; head -c 300000 /dev/zero", "word"),
    ])
  func found(reference: String, secret: String) { #expect(Self.resolve(reference) == secret) }

  @Test(
    "a reference that leads nowhere says so",
    arguments: [
      ("env:NONE", "78: the secret env:NONE is not there: set NONE"),
      ("cmd:exit 3", "78: the secret cmd:exit 3 is not there: the command failed"),
      ("cmd:echo word; exit 3", "78: the secret cmd:echo word; exit 3 is not there: the command failed"),
      ("cmd:kill -9 $$", "78: the secret cmd:kill -9 $$ is not there: the command failed"),
      ("cmd:/no/such", "78: the secret cmd:/no/such is not there: the command failed"),
      ("cmd:true", "78: the secret cmd:true is not there: the command printed nothing"),
      ("cmd:printf '\\nsecond'", "78: the secret cmd:printf '\\nsecond' is not there: the command printed nothing"),
      ("cmd:printf 'a\\tb'", "78: the secret in cmd:printf 'a\\tb' holds a control character"),
    ])
  func missing(reference: String, failure: String) { #expect(Self.resolve(reference) == failure) }
}
