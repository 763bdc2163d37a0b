// Lines of one file have nearly all the same layout: the same keys in the same order, with the same punctuation and
// white space. Only the texts between the quotes differ. A line whose layout is known needs no structure: what stands
// between its texts is compared with what stood there in an earlier line, which was checked to be JSON, and each text
// is looked through for its end.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Where the value of a key stands in a line; a text without its quotes.
typedef struct {
  /// The caller's number for what it is.
  uint8_t kind;
  uint32_t start, length;
} d2_json_field;

/// A member of a line that is to be learnt: each whose value is a text, and those with another value that the caller
/// wants to know of.
typedef struct {
  d2_json_field value;
  /// Where its value goes: a number below 32.
  uint8_t slot;
  /// Whether it is a text, so that it may differ from line to line.
  uint8_t is_text;
} d2_json_member;

/// What the caller knows of a layout.
typedef struct {
  /// Bits by slot: keys that are there, and those with true, false or null.
  uint32_t present, flags;
} d2_json_keys;

/// The layouts that were learnt.
typedef struct d2_json_layouts d2_json_layouts;

/// None yet. NULL where there is no memory.
d2_json_layouts *d2_json_layouts_new(void);

void d2_json_layouts_free(d2_json_layouts *layouts);

/// Learns the layout of a line that was checked to be JSON and UTF-8, has no line end in it, and has no key twice. Its
/// members are in their order. A layout that is too long, finds no room any more, or has an escape in a key is not
/// learnt.
void d2_json_learn(d2_json_layouts *layouts, const uint8_t *text, const d2_json_member *members, size_t count,
                   size_t length, d2_json_keys keys);

/// What was seen of a line on the way.
typedef struct {
  /// How many bytes it has, without its line end.
  size_t length;
  /// A bit for each slot with a text that is not empty.
  uint32_t filled;
  /// Whether a text has a backslash.
  int has_escapes;
} d2_json_line;

/// Reads the line at the beginning of a text, in one of the layouts that were learnt. It ends before a line end (LF or
/// CRLF), or with the text. Then its texts are valid too, and `fields` holds the fields of all slots that are present;
/// nothing is written of others. `text` must be readable for 63 bytes beyond `length`.
///
/// Returns what is known of the layout; NULL where the line has none of them, or has a fault: then some fields may have
/// been written.
const d2_json_keys *d2_json_follow(const d2_json_layouts *layouts, const uint8_t *text, size_t length,
                                   d2_json_field *fields, d2_json_line *line);

#ifdef __cplusplus
}
#endif
