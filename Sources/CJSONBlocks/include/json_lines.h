// Turns the elements of an array of objects into lines in place: the comma after each element becomes its line end.
#pragma once

#include "json_blocks.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The limit of nested brackets in an element; a data value has at most two.
enum { D2_JSON_DEEPEST = 64 };

/// Between elements: what may come next.
typedef enum { D2_JSON_ELEMENT_OR_END, D2_JSON_SEPARATOR, D2_JSON_ELEMENT } d2_json_gap;

/// The state of the parser within the elements. All zero at the first one.
typedef struct {
  /// The number of open brackets, and their kinds: one bit each, the innermost lowest, 1 for `{`.
  uint32_t depth;
  uint64_t kinds;
  /// The state if no bracket is open.
  d2_json_gap gap;
  /// The result for the last part. `count`: how many elements ended there. `begin`: where its lines begin, which is
  /// after a comma at the beginning of the part. `done`: where they end, which is after the line end of the last whole
  /// element. If no comma followed in the part, it is after that element. It is 0 if no element ended.
  size_t count, begin, done;
} d2_json_elements;

/// Processes blocks of 64 bytes as long as there is no white space, no fault and not the array's end. Returns the
/// offset that it reached; `state` and `elements` are those at that offset. The rest is unchanged; `d2_json_blocks` can
/// classify it.
size_t d2_json_lines(uint8_t *text, size_t length, d2_json_state *state, d2_json_elements *elements);

#ifdef __cplusplus
}
#endif
