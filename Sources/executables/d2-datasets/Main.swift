import D2Common
import d2_datasets

@main
struct Main {
  static func main() async { await DataSets.main(Command.words) }
}
