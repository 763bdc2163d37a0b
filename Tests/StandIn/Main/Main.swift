import D2Common
import Glibc
import StandInServer

@main struct Main {
  static func main() {
    do throws(UsageError) {
      let arguments = try Arguments(Array(CommandLine.arguments.dropFirst()))
      if arguments.wantsHelp {
        print(Arguments.help)
        return
      }
      serve(arguments)
    } catch {
      File.say("dhis2-stand-in: \(error.message)\n\(Arguments.help)\n", on: 2)
      exit(64)
    }
  }

  /// Serves until a signal comes.
  static func serve(_ arguments: Arguments) {
    // Before any thread starts, so that no thread gets the signals.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    do {
      let (port, url) = try start(arguments)
      if let file = arguments.portFile { try File.write("\(port)\n", to: file) }
      File.say(url + "\n", on: 1)
    } catch {
      File.say("dhis2-stand-in: \(error)\n", on: 2)
      exit(1)
    }
    var signal: Int32 = 0
    sigwait(&signals, &signal)
  }

  private static func start(_ arguments: Arguments) throws -> (port: Int, url: String) {
    if let options = arguments.dispatcher {
      let queue = try DispatcherStandIn(options)
      queue.start()
      return (queue.port, queue.url)
    }
    if let folder = arguments.replay {
      let server = try ReplayStandIn(folder: folder, port: arguments.options.port)
      server.start()
      return (server.port, server.url)
    }
    let server = try StandIn(arguments.options)
    if let values = arguments.values { try server.load(values: values) }
    server.start()
    return (server.port, server.url)
  }
}
