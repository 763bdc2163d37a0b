import D2Common
import d2_push

@main
struct Main {
  static func main() async { await Push.main(Command.words) }
}
