import D2Common
import d2_diff

@main
struct Main {
  static func main() async { await Diff.main(Command.words) }
}
