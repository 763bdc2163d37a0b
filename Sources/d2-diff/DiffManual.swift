import D2Common

extension Diff {
  static let manual = Manual([
    """
    Compares the data values of two servers, or of two streams, by data element, period, organisation unit, category option combo and attribute option \
    combo, and writes what is missing or different at the destination. With `--pair` it runs d2-pull(1) on both ends; else SOURCE and DESTINATION \
    are files, FIFOs or `-` for standard input. The lines may stand in any order. Status 0 means no difference, 1 differences; after anything \
    else nothing was compared, and nothing is written.
    """,
    """
    Values are compared as text: `1` and `"1"` are equal, `1` and `1.0` only with `--numeric`. Comments, follow-up marks and dates are not compared. \
    A default combo that is written out and one that is left out are the same, and a deleted value is as good as none. Complete data set registrations \
    are known by their keys and compared too.
    """,
    """
    With `--pair` the destination is asked what it does not keep: zeros of data elements with `zeroIsSignificant` false and white space (up to 2.42), the white space around \
    a text, other spellings of true and false, files. Such values are counted apart (`notKept` in the summary) and are no difference, since \
    a push would not change it. A zero that has another value at the destination is a difference: pushed, it deletes that value.
    """,
    """
    In a pipeline the output is the source's own lines, byte for byte, ready for d2-push(1). `--delete-extras` adds what only the destination \
    has, as deleted values. It writes nothing at all (status 65) where that would be more than `--max-delete`, where the source is empty or \
    was not read to its end, or where it comes through a pipe, whose end says nothing of its writer's.
    """,
    """
    Both sides are read once, at the same time. Memory stays at about `--memory` whatever the number of values; beyond it 48 bytes a \
    value go to temporary files.
    """,
  ])
}
