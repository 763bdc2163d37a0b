// Bit masks over JSON text, 64 bytes at a time: what simdjson calls stage 1 (Langdale and Lemire, "Parsing Gigabytes of
// JSON per Second", 2019). No value is decoded: a mask has one bit a byte, and says where strings, brackets and
// faults are. The widest path that the machine can run is chosen when the program starts, for `json_layouts.h` and
// `json_lines.h` too.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What has to be known of the text before a block. All zero at the start of a document.
typedef struct {
  /// All ones inside a string, else zero.
  uint64_t in_string;
  /// 1 where the next byte is escaped by a backslash, else 0.
  uint64_t escaped;
} d2_json_state;

/// The masks of one block; bit i speaks of byte i.
typedef struct {
  /// `{`, `}`, `[`, `]` outside strings.
  uint64_t brackets;
  /// Bytes up to 0x20 outside strings: white space, where the text is valid.
  uint64_t spaces;
  /// What no JSON can hold: control bytes in a string; outside one a backslash, or `<` (a proxy's page in the middle).
  uint64_t faults;
} d2_json_block;

/// Masks of `length` bytes of text, continuing from `state`, which is moved on. Writes (length + 63) / 64 blocks; the
/// bits of the last one beyond the text are zero.
void d2_json_blocks(const uint8_t *text, size_t length, d2_json_state *state, d2_json_block *blocks);

/// What a text may hold that needs a closer look: bytes above 0x7F, backslashes, control bytes outside strings, not all
/// of which are white space.
enum { D2_JSON_NOT_ASCII = 1, D2_JSON_BACKSLASH = 2, D2_JSON_CONTROL_OUTSIDE = 4 };

/// Why `d2_json_index` refused a text.
enum { D2_JSON_OPEN_STRING = -1, D2_JSON_CONTROL_BYTE = -2 };

/// The structure of one whole text: the positions of `{ } [ ] : ,` outside strings, of both quotes of each string, and
/// of the first byte of each number or word. `text` must be readable for 63 bytes beyond `length`; `positions` must
/// hold `length` entries. `traits` becomes the sum of what is true of the text.
/// Returns how many positions were written, or one of the reasons above with the offset of the fault in `positions[0]`.
int64_t d2_json_index(const uint8_t *text, size_t length, uint32_t *positions, uint32_t *traits);

/// The name of the path in use: "avx512", "avx2", "sse2", "neon" or "portable".
const char *d2_json_path(void);

/// Chooses a path by name, for tests. Returns 0 where this machine cannot run it.
int d2_json_use_path(const char *name);

#ifdef __cplusplus
}
#endif
