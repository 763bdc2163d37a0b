import D2Common
import d2_map

@main
struct Main {
  static func main() async { await Map.main(Command.words) }
}
