import D2Common
import d2_pull

@main
struct Main {
  static func main() async { await Pull.main(Command.words) }
}
