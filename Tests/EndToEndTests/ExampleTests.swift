import TestSupport
import Testing
import WaitingTests

/// What `examples/` names, by scripts/lib/check-examples, whose other checks need tools that scripts/setup lacks.
@Suite("examples", .waiting)
struct ExampleTests {
  @Test("each command, option and metric that they name exists")
  func names() {
    let outcome = Shell().run("cd '\(World.package)' && scripts/lib/check-examples commands metrics cron")
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    #expect(outcome.lines.count == 7 && outcome.lines.allSatisfy { $0.hasPrefix("ok ") }, "\(outcome.output)")
  }

  @Test("one that does not exist is named")
  func wrong() {
    let outcome = Shell().run(
      #"""
      cd '\#(World.package)' && cp -r --parents scripts examples docs/ledger.md "$OLDPWD" && cd "$OLDPWD"
      sed -i 's/--jobs/--jobz/' examples/d2-sync@.service
      sed -i 's/d2-slices status/d2-slices state/' examples/d2-metrics@.service
      sed -i 's/d2_source_up/d2_source_down/' examples/prometheus/d2-rules.yml
      sed -i 's/"expr": "d2_lag_seconds/"expr": "d2_lag/' examples/grafana/d2.json
      sed -i 's/^0 2 /0 25 /' examples/crontab
      scripts/lib/check-examples commands metrics cron; echo $?
      """#)
    for part in [
      "d2-sync has no option --jobz", "d2-slices has no verb state", "< d2_source_down", "< d2_lag", "no time: 25",
    ] { #expect(outcome.output.contains(part), "not seen: \(part)\nbut:\n\(outcome.output)\(outcome.errors)") }
    #expect(outcome.lines.last == "1", "\(outcome.output)")
  }
}
