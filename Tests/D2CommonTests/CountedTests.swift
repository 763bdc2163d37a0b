import D2Common
import Testing

@Suite("Numbers before nouns")
struct CountedTests {
  @Test(
    "singular and plural",
    arguments: [
      (1, "request", "1 request"), (0, "request", "0 requests"), (2, "retry", "2 retries"), (1, "retry", "1 retry"),
      (3, "batch", "3 batches"), (11, "data set", "11 data sets"), (2, "day", "2 days"), (2, "box", "2 boxes"),
    ])
  func nouns(number: Int, noun: String, text: String) { #expect(counted(number, noun) == text) }

  @Test("verbs") func verbs() { #expect(verbForm(1, "is", "are") == " is" && verbForm(2, "is", "are") == " are") }
}
