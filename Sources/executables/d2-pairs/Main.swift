import D2Common
import d2_pairs

@main
struct Main {
  static func main() async { await Pairs.main(Command.words) }
}
