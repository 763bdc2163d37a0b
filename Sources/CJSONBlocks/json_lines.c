#include "json_paths.h"
#include "json_raw.h"

/// The state of the parser within a part.
typedef struct {
  d2_json_elements elements;
  /// Between elements: the first byte that is not consumed yet.
  size_t next;
} cursor;

/// A block has no more separators than this, because an element has at least two bytes.
enum { most_separators = 22 };

/// Records an opening bracket. Returns 0 if it is not allowed there. `separator` gets the offset of a comma that
/// becomes a line end.
static inline int open_bracket(cursor *now, const uint8_t *text, size_t place, size_t *separator) {
  d2_json_elements *elements = &now->elements;
  int is_object = text[place] == '{';
  if (elements->depth == 0) {
    size_t expected = now->next;
    if (elements->gap == D2_JSON_SEPARATOR) {
      if (text[expected] != ',') return 0;
      if (elements->done > 0) *separator = expected;
      expected++;
    }
    if (place != expected || !is_object) return 0;
    if (elements->done > 0) elements->done = place; else elements->begin = place;
  }
  if (elements->depth == D2_JSON_DEEPEST) return 0;
  elements->kinds = elements->kinds << 1 | (uint64_t)is_object;
  elements->depth++;
  return 1;
}

/// Records a closing bracket. Returns 0 if it is not allowed there, or closes the array of all elements.
static inline int close_bracket(cursor *now, const uint8_t *text, size_t place) {
  d2_json_elements *elements = &now->elements;
  if (elements->depth == 0 || (elements->kinds & 1) != (text[place] == '}')) return 0;
  elements->kinds >>= 1;
  if (--elements->depth > 0) return 1;
  elements->count++;
  elements->gap = D2_JSON_SEPARATOR;
  elements->done = now->next = place + 1;
  return 1;
}

/// Processes a block. If the block has white space, a fault or the array's end, leaves it unchanged and returns 0.
static inline int take_block(uint8_t *text, size_t at, d2_json_block block, cursor *now) {
  if ((block.spaces | block.faults) != 0) return 0;
  if (block.brackets == 0) return 1;
  cursor behind = *now;
  size_t separators[most_separators];
  int count = 0;
  for (uint64_t events = block.brackets; events != 0; events &= events - 1) {
    size_t place = at + (size_t)__builtin_ctzll(events), separator = SIZE_MAX;
    // Only `[` and `{` have this bit pattern.
    int opens = (text[place] & 0x06) == 0x02;
    if (!(opens ? open_bracket(&behind, text, place, &separator) : close_bracket(&behind, text, place))) return 0;
    if (separator != SIZE_MAX) separators[count++] = separator;
  }
  for (int i = 0; i < count; i++) text[separators[i]] = '\n';
  *now = behind;
  return 1;
}

/// Ends a part: after its last block, or before a block that was left unchanged. Between elements, the part ends at the
/// first byte that is not consumed. A comma there becomes the line end of the element before it.
static size_t end_part(uint8_t *text, size_t length, size_t taken, cursor *now, d2_json_state *state) {
  if (now->elements.depth > 0) return taken;
  *state = (d2_json_state){0, 0};
  if (now->elements.gap == D2_JSON_SEPARATOR && now->next < length && text[now->next] == ',') {
    text[now->next++] = '\n';
    now->elements.gap = D2_JSON_ELEMENT;
    if (now->elements.done > 0) now->elements.done = now->next;
  }
  return now->next;
}

#define DEFINE_LINES(NAME, TARGET, PARITY)                                                                             \
  TARGET size_t d2_lines_##NAME(uint8_t *text, size_t length, d2_json_state *state, d2_json_elements *elements) {      \
    elements->begin = elements->done = elements->count = 0;                                                            \
    cursor now = {*elements, 0};                                                                                       \
    d2_json_state before, behind = *state;                                                                             \
    size_t at = 0;                                                                                                     \
    for (; at + 64 <= length; at += 64) {                                                                              \
      raw_masks raw = raw_##NAME(text + at);                                                                           \
      before = behind;                                                                                                 \
      uint64_t quotes = true_quotes(raw.quotes, raw.backslashes, &behind);                                             \
      if (!take_block(text, at, block_of(raw, string_bytes(PARITY(quotes), &behind)), &now)) goto end;                 \
    }                                                                                                                  \
    before = behind;                                                                                                   \
    if (at < length) {                                                                                                 \
      uint8_t padded[64] = {0};                                                                                        \
      memcpy(padded, text + at, length - at);                                                                          \
      if (take_block(text, at, tail_block_of(raw_##NAME(padded), length - at, &behind), &now)) {                       \
        before = behind;                                                                                               \
        at = length;                                                                                                   \
      }                                                                                                                \
    }                                                                                                                  \
  end:                                                                                                                 \
    *state = before;                                                                                                   \
    size_t used = end_part(text, length, at, &now, state);                                                             \
    *elements = now.elements;                                                                                          \
    return used;                                                                                                       \
  }

DEFINE_LINES(portable, , prefix_parity)
#if defined(__x86_64__)
DEFINE_LINES(sse2, , prefix_parity)
DEFINE_LINES(avx2, AVX2, PRODUCT)
DEFINE_LINES(avx512, AVX512, PRODUCT)
#elif defined(__aarch64__)
DEFINE_LINES(neon, , prefix_parity)
#endif
