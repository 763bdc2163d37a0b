import D2Common
import D2Ledger
import D2Store

/// The outcome of an attempt at a slice.
enum AttemptOutcome: Equatable {
  case done
  /// The destination refused values for this reason, and everything else went well.
  case refused(String)
  /// - Parameter isLasting: whether waiting changes nothing. After two failures of the same kind, the slice is parked.
  case failed(String, isLasting: Bool = false)

  /// Decides the outcome. The shell's status is not enough: both commands must report that they did their part.
  ///
  /// - Parameters:
  ///   - status: the status of the command, which may be any pipeline.
  ///   - pull: the summary of d2-pull.
  ///   - push: the summary of d2-push.
  ///   - lastLine: the last line of the command that failed; empty if there is none.
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
      // Status 1 of d2-pull means ids that the source does not know.
      self = failed("d2-pull ended with status \(pull)", isLasting: pull == 1 && status <= 1)
    } else if status != 0 {
      // These do not change: more refusals than --max-rejects allows, more deletions than --max-delete allows, or a
      // wrong command line.
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

  /// Why values were refused, if nothing else went wrong.
  var refusal: String? { if case .refused(let reason) = self { reason } else { nil } }
}
