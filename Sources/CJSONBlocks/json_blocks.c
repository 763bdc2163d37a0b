#include <string.h>

#include "json_paths.h"
#include "json_raw.h"

/// Appends the positions of the set bits.
static inline uint32_t *append_positions(uint32_t *to, uint64_t bits, uint32_t base) {
  while (bits) {
    *to++ = base + (uint32_t)__builtin_ctzll(bits);
    bits &= bits - 1;
  }
  return to;
}

// The loops, for each way to compute the raw masks of a block, and each way to compute parities.
#define DEFINE_PATH(NAME, TARGET, PARITY)                                                                              \
  TARGET static void blocks_##NAME(const uint8_t *text, size_t length, d2_json_state *state, d2_json_block *blocks) {  \
    size_t whole = length / 64;                                                                                        \
    for (size_t i = 0; i < whole; i++) {                                                                               \
      raw_masks raw = raw_##NAME(text + 64 * i);                                                                       \
      uint64_t quotes = true_quotes(raw.quotes, raw.backslashes, state);                                               \
      blocks[i] = block_of(raw, string_bytes(PARITY(quotes), state));                                                  \
    }                                                                                                                  \
    size_t rest = length - 64 * whole;                                                                                 \
    if (rest > 0) {                                                                                                    \
      uint8_t padded[64] = {0};                                                                                        \
      memcpy(padded, text + 64 * whole, rest);                                                                         \
      blocks[whole] = tail_block_of(raw_##NAME(padded), rest, state);                                                  \
    }                                                                                                                  \
  }                                                                                                                    \
  TARGET static int64_t index_##NAME(const uint8_t *text, size_t length, uint32_t *positions, uint32_t *traits) {     \
    d2_json_state state = {0, 0};                                                                                      \
    uint32_t *next = positions;                                                                                        \
    uint64_t scalar_before = 0, high = 0, backslashes = 0, control = 0;                                                \
    for (size_t at = 0; at < length; at += 64) {                                                                       \
      raw_masks raw = raw_##NAME(text + at);                                                                           \
      uint64_t there = length - at < 64 ? (1ull << (length - at)) - 1 : ~0ull;                                         \
      uint64_t quotes = true_quotes(raw.quotes & there, raw.backslashes & there, &state);                              \
      uint64_t inside = string_bytes(PARITY(quotes), &state);                                                          \
      uint64_t faults = raw.control & inside & there;                                                                  \
      if (__builtin_expect(faults != 0, 0)) {                                                                          \
        positions[0] = (uint32_t)at + (uint32_t)__builtin_ctzll(faults);                                               \
        return D2_JSON_CONTROL_BYTE;                                                                                   \
      }                                                                                                                \
      high |= raw.not_ascii & there;                                                                                   \
      backslashes |= raw.backslashes & there;                                                                          \
      control |= raw.control & there;                                                                                  \
      uint64_t structure = (raw.brackets | raw.separators) & ~inside & there;                                          \
      uint64_t scalars = ~(structure | inside | quotes | raw.up_to_space) & there;                                     \
      uint64_t starts = scalars & ~((scalars << 1) | scalar_before);                                                   \
      scalar_before = scalars >> 63;                                                                                   \
      next = append_positions(next, structure | quotes | starts, (uint32_t)at);                                        \
    }                                                                                                                  \
    *traits = (high ? D2_JSON_NOT_ASCII : 0) | (backslashes ? D2_JSON_BACKSLASH : 0) |                                 \
              (control ? D2_JSON_CONTROL_OUTSIDE : 0);                                                                 \
    if (state.in_string) {                                                                                             \
      positions[0] = (uint32_t)length;                                                                                 \
      return D2_JSON_OPEN_STRING;                                                                                      \
    }                                                                                                                  \
    return next - positions;                                                                                           \
  }

DEFINE_PATH(portable, , prefix_parity)
#if defined(__x86_64__)
DEFINE_PATH(sse2, , prefix_parity)
DEFINE_PATH(avx2, AVX2, PRODUCT)
DEFINE_PATH(avx512, AVX512, PRODUCT)
#elif defined(__aarch64__)
DEFINE_PATH(neon, , prefix_parity)
#endif

#define PORTABLE {"portable", blocks_portable, index_portable, d2_follow_portable, d2_lines_portable}
static const d2_json_path_functions portable_path = PORTABLE;
static d2_json_path_functions current = PORTABLE;

static int find_path(const char *name, d2_json_path_functions *found) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  int has_avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("bmi");
  if (strcmp(name, "avx512") == 0 && has_avx2 && __builtin_cpu_supports("avx512bw")) {
    *found = (d2_json_path_functions){"avx512", blocks_avx512, index_avx512, d2_follow_avx2, d2_lines_avx512};
    return 1;
  }
  if (strcmp(name, "avx2") == 0 && has_avx2) {
    *found = (d2_json_path_functions){"avx2", blocks_avx2, index_avx2, d2_follow_avx2, d2_lines_avx2};
    return 1;
  }
  if (strcmp(name, "sse2") == 0) {
    *found = (d2_json_path_functions){"sse2", blocks_sse2, index_sse2, d2_follow_sse2, d2_lines_sse2};
    return 1;
  }
#elif defined(__aarch64__)
  if (strcmp(name, "neon") == 0) {
    *found = (d2_json_path_functions){"neon", blocks_neon, index_neon, d2_follow_neon, d2_lines_neon};
    return 1;
  }
#endif
  if (strcmp(name, "portable") != 0) return 0;
  *found = portable_path;
  return 1;
}

// Runs before main, so that all threads see the same choice.
__attribute__((constructor)) static void choose_path(void) {
  static const char *const fastest_first[] = {"avx512", "avx2", "neon", "sse2"};
  for (size_t i = 0; i < sizeof fastest_first / sizeof *fastest_first; i++) {
    if (find_path(fastest_first[i], &current)) return;
  }
}

void d2_json_blocks(const uint8_t *text, size_t length, d2_json_state *state, d2_json_block *blocks) {
  current.blocks(text, length, state, blocks);
}

int64_t d2_json_index(const uint8_t *text, size_t length, uint32_t *positions, uint32_t *traits) {
  return current.index(text, length, positions, traits);
}

const d2_json_keys *d2_json_follow(const d2_json_layouts *layouts, const uint8_t *text, size_t length,
                                   d2_json_field *fields, d2_json_line *line) {
  return current.follow(layouts, text, length, fields, line);
}

size_t d2_json_lines(uint8_t *text, size_t length, d2_json_state *state, d2_json_elements *elements) {
  return current.lines(text, length, state, elements);
}

const char *d2_json_path(void) { return current.name; }

int d2_json_use_path(const char *name) { return find_path(name, &current); }
