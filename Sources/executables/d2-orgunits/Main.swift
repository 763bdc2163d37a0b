import D2Common
import d2_orgunits

@main
struct Main {
  static func main() async { await OrgUnits.main(Command.words) }
}
