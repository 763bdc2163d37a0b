import D2Common
import D2Ledger
import D2Store

/// What an attempt at a slice came to.
enum AttemptOutcome: Equatable {
  case done
  /// The destination refused values, for this reason, and all else went well.
  case refused(String)
  /// - Parameter isLasting: whether waiting changes nothing: when it has failed twice in the same way, it is parked.
  case failed(String, isLasting: Bool = false)

  /// Both commands must have said that they did their part, not the shell alone.
  ///
  /// - Parameters:
  ///   - status: of the command, which may be any pipeline.
  ///   - pull: the summary of d2-pull.
  ///   - push: the summary of d2-push.
  ///   - lastLine: the last words of the command that failed; empty if it had none.
  init(
    status: Int, pull: JSONValue?, push: JSONValue?, lastLine: String, acceptsRejects: Bool, trustsStatus: Bool
  ) {
    func failed(_ text: String, isLasting: Bool = false) -> AttemptOutcome {
      .failed(lastLine.isEmpty ? text : StableReason.of(lastLine), isLasting: isLasting)
    }
    if trustsStatus, status == 0 {
      self = .done
    } else if status <= 1, let reason = Slice.refusal(pull: pull, push: push) {
      self = acceptsRejects ? .done : .refused(reason)
    } else if let pull = pull?["status"]?.int, pull != 0, status != 0 || push != nil {
      // Status 1 of d2-pull: ids that the source does not know.
      self = failed("d2-pull ended with status \(pull)", isLasting: pull == 1 && status <= 1)
    } else if status != 0 {
      // More refusals than --max-rejects allows, more to delete than --max-delete does, or a command line that is
      // wrong, stay so.
      let isLasting =
        [ExitStatus.usage, .malformedInput].contains { status == Int($0.rawValue) }
        || (status == 1 && push?["status"]?.int == 1)
      self = failed("the command ended with status \(status)", isLasting: isLasting)
    } else if pull?["status"]?.int == nil || push?["status"]?.int == nil {
      self = .failed(
        "the command ended with status 0, but there is no summary of both d2-pull and d2-push: nothing proves that everything was moved"
      )
    } else if let push = push?["status"]?.int, push != 0 {
      self = failed("d2-push ended with status \(push)")
    } else {
      self = .done
    }
  }

  init(status: Int, _ result: Pipeline.Result, _ settings: Runner.Settings) {
    self.init(
      status: status, pull: result.pull, push: result.push, lastLine: result.lastLine,
      acceptsRejects: settings.acceptsRejects, trustsStatus: settings.trustsStatus)
  }

  /// Why values were refused, if that is all that did not go well.
  var refusal: String? { if case .refused(let reason) = self { reason } else { nil } }
}
