// Classifies the bytes of a text, 64 at a time, with each instruction set.
#pragma once

#include <string.h>

#include "json_blocks.h"

/// Masks of the classes of a block's bytes, inside and outside of strings.
typedef struct {
  uint64_t quotes, backslashes, brackets, separators, up_to_space, control, angle, not_ascii;
} raw_masks;

/// The bytes that a backslash escapes.
static inline uint64_t escaped_bytes(uint64_t backslashes, uint64_t *carry) {
  uint64_t escaped = *carry;
  *carry = 0;
  backslashes &= ~escaped;
  while (backslashes) {
    int at = __builtin_ctzll(backslashes);
    if (at == 63) {
      *carry = 1;
      break;
    }
    escaped |= 2ull << at;
    backslashes &= ~(3ull << at);
  }
  return escaped;
}

/// Computes the prefix parity: bit i of the result is the parity of bits 0..i.
static inline uint64_t prefix_parity(uint64_t bits) {
  bits ^= bits << 1;
  bits ^= bits << 2;
  bits ^= bits << 4;
  bits ^= bits << 8;
  bits ^= bits << 16;
  bits ^= bits << 32;
  return bits;
}

/// The quotes that no backslash escapes.
static inline uint64_t true_quotes(uint64_t quotes, uint64_t backslashes, d2_json_state *state) {
  if (__builtin_expect((backslashes | state->escaped) != 0, 0)) quotes &= ~escaped_bytes(backslashes, &state->escaped);
  return quotes;
}

/// The bytes of a block inside strings, from the parity of its true quotes. The mask includes the opening quote but not
/// the closing one.
static inline uint64_t string_bytes(uint64_t parity, d2_json_state *state) {
  uint64_t inside = parity ^ state->in_string;
  state->in_string = 0 - (inside >> 63);
  return inside;
}

static inline d2_json_block block_of(raw_masks raw, uint64_t inside) {
  d2_json_block block = {
      .brackets = raw.brackets & ~inside,
      .spaces = raw.up_to_space & ~inside,
      .faults = (raw.control & inside) | ((raw.angle | raw.backslashes) & ~inside),
  };
  return block;
}

/// Classifies a block of fewer than 64 bytes. The bytes beyond its end are ignored, and the state is that after the
/// last byte.
static inline d2_json_block tail_block_of(raw_masks raw, size_t length, d2_json_state *state) {
  uint64_t there = (1ull << length) - 1;
  raw.quotes &= there;
  raw.backslashes &= there;
  raw.brackets &= there;
  raw.up_to_space &= there;
  raw.control &= there;
  raw.angle &= there;
  // A backslash as the last byte would escape bit `length`; that bit is the carry.
  uint64_t carry = state->escaped;
  uint64_t escaped = escaped_bytes(raw.backslashes, &carry);
  uint64_t quotes = true_quotes(raw.quotes, raw.backslashes, state);
  d2_json_block block = block_of(raw, string_bytes(prefix_parity(quotes), state));
  block.brackets &= there;
  block.spaces &= there;
  block.faults &= there;
  state->escaped = (escaped >> length) & 1;
  return block;
}

static inline raw_masks raw_portable(const uint8_t *text) {
  raw_masks raw = {0};
  for (int i = 0; i < 64; i++) {
    uint8_t byte = text[i];
    uint64_t bit = 1ull << i;
    if (byte == '"') raw.quotes |= bit;
    if (byte == '\\') raw.backslashes |= bit;
    if ((byte | 0x20) == '{' || (byte | 0x20) == '}') raw.brackets |= bit;
    if (byte == ':' || byte == ',') raw.separators |= bit;
    if (byte <= 0x20) raw.up_to_space |= bit;
    if (byte < 0x20) raw.control |= bit;
    if (byte == '<') raw.angle |= bit;
    if (byte >= 0x80) raw.not_ascii |= bit;
  }
  return raw;
}

#if defined(__x86_64__)
#include <immintrin.h>

/// Joins two masks so that the compiler does not look inside. Otherwise Clang 21 would trace them back to the
/// comparisons, and extract the bits of `raw.brackets | raw.separators` one by one: `index_avx2` had three times as
/// many instructions.
static inline uint64_t joined_masks(uint32_t low, uint32_t high) {
  uint64_t mask = (uint64_t)low | (uint64_t)high << 32;
  __asm__("" : "+r"(mask));
  return mask;
}

// Every x86-64 has SSE2.
static inline raw_masks raw_sse2(const uint8_t *text) {
  raw_masks raw = {0};
  for (int i = 0; i < 4; i++) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(text + 16 * i));
    __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
#define MASK(VECTOR) ((uint64_t)(uint32_t)_mm_movemask_epi8(VECTOR) << (16 * i))
#define EQUALS(VECTOR, BYTE) _mm_cmpeq_epi8(VECTOR, _mm_set1_epi8(BYTE))
    raw.quotes |= MASK(EQUALS(bytes, '"'));
    raw.backslashes |= MASK(EQUALS(bytes, '\\'));
    raw.brackets |= MASK(_mm_or_si128(EQUALS(folded, '{'), EQUALS(folded, '}')));
    raw.separators |= MASK(_mm_or_si128(EQUALS(bytes, ':'), EQUALS(bytes, ',')));
    raw.up_to_space |= MASK(_mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8(0x20)));
    raw.control |= MASK(_mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(0x1F)), _mm_set1_epi8(0x1F)));
    raw.angle |= MASK(EQUALS(bytes, '<'));
    raw.not_ascii |= MASK(bytes);
#undef MASK
#undef EQUALS
  }
  return raw;
}

// A carry-less product with all ones is the parity, in one instruction.
#define PRODUCT(BITS) \
  (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)(BITS)), _mm_set1_epi8(-1), 0))

#define AVX2 __attribute__((target("avx2,pclmul")))
AVX2 static inline raw_masks raw_avx2(const uint8_t *text) {
  __m256i low = _mm256_loadu_si256((const __m256i *)text);
  __m256i high = _mm256_loadu_si256((const __m256i *)(text + 32));
  __m256i case_bit = _mm256_set1_epi8(0x20), below_space = _mm256_set1_epi8(0x1F);
  __m256i folded_low = _mm256_or_si256(low, case_bit), folded_high = _mm256_or_si256(high, case_bit);
#define MASK(LOW, HIGH) joined_masks((uint32_t)_mm256_movemask_epi8(LOW), (uint32_t)_mm256_movemask_epi8(HIGH))
#define EQUALS(VECTOR, BYTE) _mm256_cmpeq_epi8(VECTOR, _mm256_set1_epi8(BYTE))
#define UP_TO(VECTOR, LIMIT) _mm256_cmpeq_epi8(_mm256_max_epu8(VECTOR, LIMIT), LIMIT)
#define EITHER(VECTOR, A, B) _mm256_or_si256(EQUALS(VECTOR, A), EQUALS(VECTOR, B))
  raw_masks raw = {
      .quotes = MASK(EQUALS(low, '"'), EQUALS(high, '"')),
      .backslashes = MASK(EQUALS(low, '\\'), EQUALS(high, '\\')),
      .brackets = MASK(EITHER(folded_low, '{', '}'), EITHER(folded_high, '{', '}')),
      .separators = MASK(EITHER(low, ':', ','), EITHER(high, ':', ',')),
      .up_to_space = MASK(UP_TO(low, case_bit), UP_TO(high, case_bit)),
      .control = MASK(UP_TO(low, below_space), UP_TO(high, below_space)),
      .angle = MASK(EQUALS(low, '<'), EQUALS(high, '<')),
      .not_ascii = MASK(low, high),
  };
#undef MASK
#undef EQUALS
#undef UP_TO
#undef EITHER
  return raw;
}

#define AVX512 __attribute__((target("avx512bw,pclmul")))
AVX512 static inline raw_masks raw_avx512(const uint8_t *text) {
  __m512i bytes = _mm512_loadu_si512(text), folded = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
#define EQUALS(VECTOR, BYTE) _mm512_cmpeq_epi8_mask(VECTOR, _mm512_set1_epi8(BYTE))
  raw_masks raw = {
      .quotes = EQUALS(bytes, '"'),
      .backslashes = EQUALS(bytes, '\\'),
      .brackets = EQUALS(folded, '{') | EQUALS(folded, '}'),
      .separators = EQUALS(bytes, ':') | EQUALS(bytes, ','),
      .up_to_space = _mm512_cmple_epu8_mask(bytes, _mm512_set1_epi8(0x20)),
      .control = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20)),
      .angle = EQUALS(bytes, '<'),
      .not_ascii = _mm512_movepi8_mask(bytes),
  };
#undef EQUALS
  return raw;
}

#elif defined(__aarch64__)
#include <arm_neon.h>

// Reduces four vectors of 0x00 or 0xFF to one bit a byte, by pairwise addition.
static inline uint64_t neon_mask(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
  const uint8x16_t bits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint8x16_t sum = vpaddq_u8(vpaddq_u8(vandq_u8(a, bits), vandq_u8(b, bits)),
                             vpaddq_u8(vandq_u8(c, bits), vandq_u8(d, bits)));
  sum = vpaddq_u8(sum, sum);
  return vgetq_lane_u64(vreinterpretq_u64_u8(sum), 0);
}

static inline raw_masks raw_neon(const uint8_t *text) {
  uint8x16_t v[4], folded[4];
  for (int i = 0; i < 4; i++) {
    v[i] = vld1q_u8(text + 16 * i);
    folded[i] = vorrq_u8(v[i], vdupq_n_u8(0x20));
  }
#define MASK(EXPRESSION) neon_mask(EXPRESSION(0), EXPRESSION(1), EXPRESSION(2), EXPRESSION(3))
#define QUOTE(I) vceqq_u8(v[I], vdupq_n_u8('"'))
#define BACKSLASH(I) vceqq_u8(v[I], vdupq_n_u8('\\'))
#define BRACKET(I) vorrq_u8(vceqq_u8(folded[I], vdupq_n_u8('{')), vceqq_u8(folded[I], vdupq_n_u8('}')))
#define SEPARATOR(I) vorrq_u8(vceqq_u8(v[I], vdupq_n_u8(':')), vceqq_u8(v[I], vdupq_n_u8(',')))
#define UP_TO_SPACE(I) vcleq_u8(v[I], vdupq_n_u8(0x20))
#define CONTROL(I) vcltq_u8(v[I], vdupq_n_u8(0x20))
#define ANGLE(I) vceqq_u8(v[I], vdupq_n_u8('<'))
#define NOT_ASCII(I) vcgeq_u8(v[I], vdupq_n_u8(0x80))
  raw_masks raw = {MASK(QUOTE),       MASK(BACKSLASH), MASK(BRACKET), MASK(SEPARATOR),
                   MASK(UP_TO_SPACE), MASK(CONTROL),   MASK(ANGLE),   MASK(NOT_ASCII)};
  return raw;
}
#endif
