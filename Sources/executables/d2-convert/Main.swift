import D2Common
import d2_convert

@main
struct Main {
  static func main() async { await Convert.main(Command.words) }
}
