import D2Common
import d2_slices

@main
struct Main {
  static func main() async { await Slices.main(Command.words) }
}
