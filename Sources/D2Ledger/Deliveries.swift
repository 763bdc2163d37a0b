import D2Client
import D2Common
import D2Store

extension Ledger {
  /// The ledger's counts of one data set's deliveries, of values or of registrations.
  package struct Delivery: Sendable {
    package var dataSet: String
    package var kind: DataKind
    /// Slices that are waiting, leased, or due for a retry.
    package var open: Int
    package var parked: Int
    /// Slices that were done with refusals.
    package var refused: Int
    /// When the latest slice was done, in milliseconds since 1970 by the database's clock.
    package var lastFinished: Int?
  }

  package func deliveries(_ pair: Pair) throws -> [Delivery] {
    try database.rows(
      """
      SELECT dataset_id, kind, sum(CASE WHEN state IN ('waiting', 'leased', 'retry') THEN 1 ELSE 0 END),
        sum(CASE WHEN state = 'failed' THEN 1 ELSE 0 END), sum(CASE WHEN state = 'refused' THEN 1 ELSE 0 END),
        max(CASE WHEN state = 'done' THEN finished END)
      FROM slices WHERE integration_pair_id = $1 GROUP BY 1, 2
      """, [.int(pair.id)]
    ).map { row in
      Delivery(
        dataSet: row.text(0) ?? "", kind: DataKind(stored: row.text(1)),
        open: row.int(2) ?? 0, parked: row.int(3) ?? 0, refused: row.int(4) ?? 0, lastFinished: row.int(5))
    }
  }
}
