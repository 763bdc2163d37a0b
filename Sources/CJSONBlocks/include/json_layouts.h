// Nearly all lines of a file have the same layout: the same keys in the same order, with the same punctuation and white
// space. Only the texts between the quotes differ. If the layout of a line is known, its structure need not be
// analysed. The bytes between its texts are compared with those of an earlier line, which was checked to be JSON. Each
// text is only scanned for its end.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The place of a key's value in a line; of a text without its quotes.
typedef struct {
  /// The caller's number for its kind.
  uint8_t kind;
  uint32_t start, length;
} d2_json_field;

/// A member of a line to learn: all members with a text, and those with another value that the caller needs.
typedef struct {
  d2_json_field value;
  /// The slot of its value, a number below 32.
  uint8_t slot;
  /// Whether it is a text, which may differ from line to line.
  uint8_t is_text;
} d2_json_member;

/// The caller's data about a layout.
typedef struct {
  /// Bits by slot: the keys that are present, and those with true, false or null.
  uint32_t present, flags;
} d2_json_keys;

/// The known layouts.
typedef struct d2_json_layouts d2_json_layouts;

/// Creates an empty set of layouts. NULL if there is not enough memory.
d2_json_layouts *d2_json_layouts_new(void);

void d2_json_layouts_free(d2_json_layouts *layouts);

/// Learns the layout of a line that was checked to be JSON and UTF-8, without a line end and without duplicate keys.
/// The members are in their order. It does not learn a layout that is too long, that has an escape in a key, or for
/// which there is no space.
void d2_json_learn(d2_json_layouts *layouts, const uint8_t *text, const d2_json_member *members, size_t count,
                   size_t length, d2_json_keys keys);

/// The result of reading a line.
typedef struct {
  /// The length in bytes, without the line end.
  size_t length;
  /// A bit for each slot with a text that is not empty.
  uint32_t filled;
  /// `D2_JSON_NOT_ASCII` and `D2_JSON_BACKSLASH`, as of `d2_json_index`.
  uint32_t traits;
} d2_json_line;

/// Reads the line at the beginning of a text, if it has a known layout. The line ends before a line end (LF or CRLF),
/// or with the text. On success its texts are valid too, and `fields` has the fields of all slots that are present.
/// Other fields stay unchanged. `text` must be readable for 63 bytes beyond `length`.
///
/// Returns the data about the layout. NULL if the line has no known layout, or has a fault; some fields may have been
/// written then.
const d2_json_keys *d2_json_follow(const d2_json_layouts *layouts, const uint8_t *text, size_t length,
                                   d2_json_field *fields, d2_json_line *line);

#ifdef __cplusplus
}
#endif
