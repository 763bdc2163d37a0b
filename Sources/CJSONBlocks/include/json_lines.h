// The elements of an array of objects, made lines where they stand: the comma behind each becomes its line end.
#pragma once

#include "json_blocks.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Brackets within one element: a data value has two at most.
enum { D2_JSON_DEEPEST = 64 };

/// Between elements: what may come next.
typedef enum { D2_JSON_ELEMENT_OR_END, D2_JSON_SEPARATOR, D2_JSON_ELEMENT } d2_json_gap;

/// Where the reading of the elements stands. All zero at the first one.
typedef struct {
  /// How many brackets are open, and which: a bit each, the innermost lowest, 1 for `{`.
  uint32_t depth;
  uint64_t kinds;
  /// Where none is open.
  d2_json_gap gap;
  /// Of the part that was read last: how many elements ended there; where its lines begin (behind a comma with which
  /// the part begins) and where they end (behind the line end of the last whole element, or behind the element where
  /// no comma stood in the part); 0 where none ended.
  size_t count, begin, done;
} d2_json_elements;

/// Reads on as long as there is no white space, no fault and not the array's end, in blocks of 64 bytes. Returns how
/// far that was; `state` and `elements` are those of that place. What follows is left as it was: `d2_json_blocks` tells
/// what it is.
size_t d2_json_lines(uint8_t *text, size_t length, d2_json_state *state, d2_json_elements *elements);

#ifdef __cplusplus
}
#endif
