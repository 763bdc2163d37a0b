// Bit masks over JSON text, 64 bytes at a time: stage 1 of simdjson (Langdale and Lemire, "Parsing Gigabytes of JSON
// per Second", 2019). No value is decoded. A mask has one bit for each byte, and marks strings, brackets and faults. At
// the start of the program, the widest path that the machine supports is chosen. `json_layouts.h` and `json_lines.h`
// use the same path.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The state before a block. All zero at the start of a document.
typedef struct {
  /// All ones inside a string, otherwise zero.
  uint64_t in_string;
  /// 1 if a backslash escapes the next byte, otherwise 0.
  uint64_t escaped;
} d2_json_state;

/// The masks of one block; bit i is for byte i.
typedef struct {
  /// `{`, `}`, `[`, `]` outside strings.
  uint64_t brackets;
  /// Bytes up to 0x20 outside strings: white space, if the text is valid.
  uint64_t spaces;
  /// Bytes that JSON does not allow: control bytes in a string; outside of one a backslash, or `<` (a proxy's page in
  /// the middle).
  uint64_t faults;
} d2_json_block;

/// Computes the masks for `length` bytes of text, from `state`, which it updates. It writes (length + 63) / 64 blocks.
/// The bits after the end of the text are zero.
void d2_json_blocks(const uint8_t *text, size_t length, d2_json_state *state, d2_json_block *blocks);

/// Traits of a text that need a closer check: bytes above 0x7F, backslashes, and control bytes outside strings, which
/// may not be white space.
enum { D2_JSON_NOT_ASCII = 1, D2_JSON_BACKSLASH = 2, D2_JSON_CONTROL_OUTSIDE = 4 };

/// Why `d2_json_index` refused a text.
enum { D2_JSON_OPEN_STRING = -1, D2_JSON_CONTROL_BYTE = -2 };

/// Finds the structure of a whole text: the positions of `{ } [ ] : ,` outside strings, of both quotes of each string,
/// and of the first byte of each other value. `text` must be readable for 63 bytes beyond `length`, and `positions`
/// must have space for `length` entries. `traits` gets the sum of the text's traits. Returns the number of positions,
/// or one of the reasons above with the offset of the fault in `positions[0]`.
int64_t d2_json_index(const uint8_t *text, size_t length, uint32_t *positions, uint32_t *traits);

/// The name of the path in use: "avx512", "avx2", "sse2", "neon" or "portable".
const char *d2_json_path(void);

/// Chooses a path by name, for tests. Returns 0 if this machine does not support it.
int d2_json_use_path(const char *name);

#ifdef __cplusplus
}
#endif
