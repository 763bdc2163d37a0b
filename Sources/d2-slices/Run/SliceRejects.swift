import D2Common
import Glibc

/// The files with a slice's refused values. Each attempt writes a file of its own. Only if it has read everything, this
/// file replaces those of earlier attempts. So a failed attempt never removes rejects.
///
/// | file | |
/// |---|---|
/// | `slice-17.ndjson` | of the last attempt that came to its end |
/// | `slice-17.failed.ndjson` | of the last one that did not |
/// | `slice-17.TOKEN.ndjson` | of one under way, or whose worker was killed |
struct SliceRejects {
  let folder: String
  let id: Int
  let token: String

  /// The file that the attempt writes: `$D2_REJECTS`.
  var attempt: String { "\(folder)/slice-\(id).\(token).ndjson" }
  private var whole: String { "\(folder)/slice-\(id).ndjson" }
  private var failed: String { "\(folder)/slice-\(id).failed.ndjson" }

  /// Renames the attempt's file to its final name.
  ///
  /// - Parameter isWhole: whether the attempt read everything. Then the files of earlier attempts are out of date.
  /// - Returns: the file with the refused values; `nil` if there is none.
  /// - Throws: `CommandFailure`, 73.
  func keep(isWhole: Bool) throws(CommandFailure) -> String? {
    // A killed d2-push leaves its file under another name.
    let found = [attempt, attempt + ".part"].first(where: Self.hasContent)
    if let found {
      let place = isWhole ? whole : failed
      guard rename(found, place) == 0 else {
        throw CommandFailure(.cannotWrite, "cannot move \(found) to \(place): \(SystemError())")
      }
    } else if isWhole {
      unlink(whole)
    }
    for path in [attempt, attempt + ".part"] { unlink(path) }
    if isWhole { removeLeftOvers() }
    return [isWhole ? whole : failed, whole].first(where: Self.hasContent)
  }

  /// Removes the files of earlier attempts, whose workers may have been killed.
  private func removeLeftOvers() {
    // `slice-17.ndjson` itself has nothing between the dots.
    for name in FolderNames.read(folder)
    where name.hasPrefix("slice-\(id).") && (name.hasSuffix(".ndjson") || name.hasSuffix(".ndjson.part"))
      && name != "slice-\(id).ndjson"
    {
      unlink("\(folder)/\(name)")
    }
  }

  static func hasContent(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_size > 0
  }
}
