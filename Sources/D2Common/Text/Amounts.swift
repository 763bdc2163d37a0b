/// Formats durations for people.
package enum DurationText {
  /// A measured duration: `0.25 s`, `73 s`.
  package static func measured(_ seconds: Double) -> String {
    seconds < 10 ? "\((seconds * 100).rounded() / 100) s" : "\(Int(seconds.rounded())) s"
  }

  /// A rough duration in one unit: `40 s`, `12 min`, `3 h`, `5 days`.
  package static func rough(_ seconds: Double) -> String {
    switch seconds {
    case ..<90: "\(Int(seconds)) s"
    case ..<5400: "\(Int((seconds / 60).rounded())) min"
    case ..<172_800: "\(Int((seconds / 3600).rounded())) h"
    default: "\(Int((seconds / 86400).rounded())) days"
    }
  }

  /// A duration in two units: `45 s`, `3 min 20 s`, `2 h 5 min`.
  package static func exact(_ seconds: Int) -> String {
    switch seconds {
    case ..<60: "\(seconds) s"
    case ..<3600: "\(seconds / 60) min" + (seconds % 60 > 0 ? " \(seconds % 60) s" : "")
    default: "\(seconds / 3600) h" + (seconds / 60 % 60 > 0 ? " \(seconds / 60 % 60) min" : "")
    }
  }
}

/// Formats sizes for people.
package enum SizeText {
  /// A size in thousands, as is usual for networks: `512 B`, `40 kB`, `12 MB`.
  package static func shown(bytes: Int) -> String {
    switch bytes {
    case ..<10_000: "\(bytes) B"
    case ..<10_000_000: "\(bytes / 1000) kB"
    default: "\(bytes / 1_000_000) MB"
    }
  }
}

extension Double {
  /// Rounded to thousandths, for seconds in summaries.
  package var toThousandths: Double { (self * 1000).rounded() / 1000 }
}
