import D2Common

extension Map {
  static let manual = Manual(
    [
      """
      Reads data values, one JSON object a line, and writes them with the ids of another server. All other bytes stay as they are. MAPPING is a \
      CSV, TSV or JSON file. The first line of a table names its columns: `kind`, `from` and `to` are used, others are for people. \
      Kinds are dataElement, orgUnit, categoryOptionCombo, attributeOptionCombo, dataSet, period and value.
      """,
      """
      An id in `to` takes the place of that in `from`. Where `to` is empty, values with this id are dropped. Where it is ?, \
      nobody has decided yet, and the id counts as not in the table. What happens to ids that the table does not know, of a kind that it has, says \
      `--unmapped`. Where several ids become one, `--sum` adds the values of a key up, exactly, in decimal; without it the last one wins at the \
      destination.
      """,
      """
      `suggest` writes a table to begin with: it matches what both servers of a pair have by id, code, options and name, and says how certain that \
      is. A person looks it over, in a spreadsheet or an editor.
      """,
    ],
    files: [
      (
        "mapping.csv",
        "For example: a first line kind,from,to and then dataElement,fbfJHSPpUQD,Xk2Vfee0Ffq. As JSON: {\"dataElement\": {\"fbfJHSPpUQD\": \"Xk2Vfee0Ffq\"}}; null drops."
      )
    ])
}
