#include <stdlib.h>
#include <string.h>

#include "json_paths.h"

// Layouts are stored as a tree of literals. A literal is the text between two strings. It extends from the quote that
// closes one to the quote that opens the next, or to the end of the line. Lines with the same beginning share the
// beginning of a path.

enum {
  most_literals = 256,
  /// The limit of alternatives at one place, because each one is tried.
  most_alternatives = 8,
  /// Literals are compared in pieces of this many bytes.
  piece_bytes = 32,
  longest_literal = 4 * piece_bytes,
  most_fixed = 4,
};

typedef struct literal literal;

struct literal {
  uint8_t text[longest_literal];
  uint32_t length;
  /// The offset of its last piece, and a mask of the bytes in that piece.
  uint32_t last_piece, last_bytes;
  /// The slot and kind of the string that follows, unless this literal ends the line.
  uint8_t slot, kind;
  /// The length of that string in the line from which the literal was learnt. Ids and times in other lines have the
  /// same length.
  uint32_t usual_length;
  uint8_t ends_line;
  /// The members inside the literal. Their starts are relative to the literal.
  uint8_t fixed_count;
  uint8_t fixed_slots[most_fixed];
  d2_json_field fixed[most_fixed];
  /// For a literal that ends the line: the keys of the whole layout, and the traits of their names.
  d2_json_keys keys;
  uint32_t traits;
  /// The first literal after the string that follows, and an alternative to this literal.
  literal *next, *alternative;
};

struct d2_json_layouts {
  literal *first;
  size_t count;
  literal literals[most_literals];
};

d2_json_layouts *d2_json_layouts_new(void) {
  d2_json_layouts *layouts = malloc(sizeof *layouts);
  if (layouts == NULL) return NULL;
  layouts->first = NULL;
  layouts->count = 0;
  return layouts;
}

void d2_json_layouts_free(d2_json_layouts *layouts) { free(layouts); }

// --- Learning --------------------------------------------------------------------------------------------------------

/// The literal in a list of alternatives, or a new one at its end; NULL if there is no room.
static literal *enter(d2_json_layouts *layouts, literal **list, const uint8_t *text, size_t length) {
  for (int alternatives = 0; *list != NULL; alternatives++) {
    if ((*list)->length == length && memcmp((*list)->text, text, length) == 0) return *list;
    if (alternatives + 1 == most_alternatives) return NULL;
    list = &(*list)->alternative;
  }
  if (layouts->count == most_literals) return NULL;
  literal *added = &layouts->literals[layouts->count++];
  memset(added, 0, sizeof *added);
  memcpy(added->text, text, length);
  added->length = (uint32_t)length;
  added->last_piece = (added->length - 1) / piece_bytes * piece_bytes;
  added->last_bytes = 0xFFFFFFFFu >> (piece_bytes - (added->length - added->last_piece));
  return *list = added;
}

/// Whether a literal is short enough, and has no escape in a key. Escapes are recorded only in strings.
static int fits_literal(const uint8_t *text, size_t length) {
  return length <= longest_literal && memchr(text, '\\', length) == NULL;
}

/// `D2_JSON_NOT_ASCII` if a key has a byte above 0x7F.
static uint32_t traits_of(const uint8_t *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (text[i] >= 0x80) return D2_JSON_NOT_ASCII;
  return 0;
}

/// Whether all literals of a line fit, and contain few enough members.
static int fits(const uint8_t *text, const d2_json_member *members, size_t count, size_t length) {
  size_t begin = 0, fixed = 0;
  for (size_t i = 0; i < count; i++) {
    if (!members[i].is_text) {
      if (++fixed > most_fixed) return 0;
      continue;
    }
    if (!fits_literal(text + begin, members[i].value.start - begin)) return 0;
    begin = members[i].value.start + members[i].value.length;
    fixed = 0;
  }
  return fits_literal(text + begin, length - begin);
}

void d2_json_learn(d2_json_layouts *layouts, const uint8_t *text, const d2_json_member *members, size_t count,
                   size_t length, d2_json_keys keys) {
  if (!fits(text, members, count, length)) return;
  literal **list = &layouts->first;
  size_t begin = 0, member = 0;
  uint32_t traits = 0;
  while (1) {
    size_t first = member;
    while (member < count && !members[member].is_text) member++;
    size_t end = member < count ? members[member].value.start : length;
    literal *entered = enter(layouts, list, text + begin, end - begin);
    if (entered == NULL) return;
    traits |= traits_of(text + begin, end - begin);
    entered->fixed_count = (uint8_t)(member - first);
    for (size_t i = first; i < member; i++) {
      entered->fixed_slots[i - first] = members[i].slot;
      entered->fixed[i - first] = members[i].value;
      entered->fixed[i - first].start -= (uint32_t)begin;
    }
    if (member == count) {
      entered->ends_line = 1;
      entered->keys = keys;
      entered->traits = traits;
      return;
    }
    entered->slot = members[member].slot;
    entered->usual_length = members[member].value.length;
    entered->kind = members[member].value.kind;
    list = &entered->next;
    begin = end + members[member].value.length;
    member++;
  }
}

// --- Texts that are not plain ----------------------------------------------------------------------------------------

static inline int is_hex(uint8_t byte) {
  return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

/// The length of an escape in bytes; 0 if it is not a JSON escape.
static size_t escape_length(const uint8_t *at, const uint8_t *end) {
  if (end - at < 2) return 0;
  switch (at[1]) {
  case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': return 2;
  case 'u':
    if (end - at < 6) return 0;
    return is_hex(at[2]) && is_hex(at[3]) && is_hex(at[4]) && is_hex(at[5]) ? 6 : 0;
  default: return 0;
  }
}

/// The length in bytes of a UTF-8 sequence of more than one byte, by the table of well-formed sequences (Unicode 3-7);
/// 0 if it is malformed.
static size_t sequence_length(const uint8_t *at, const uint8_t *end) {
  uint8_t first = at[0], least = 0x80, most = 0xBF;
  size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || (size_t)(end - at) < length) return 0;
  if (first == 0xE0) least = 0xA0;
  if (first == 0xED) most = 0x9F;
  if (first == 0xF0) least = 0x90;
  if (first == 0xF4) most = 0x8F;
  if (at[1] < least || at[1] > most) return 0;
  for (size_t i = 2; i < length; i++)
    if ((at[i] & 0xC0) != 0x80) return 0;
  return length;
}

/// The first byte after one escape, or after all UTF-8 sequences from here on; NULL at a fault.
static const uint8_t *behind_special(const uint8_t *at, const uint8_t *end, uint32_t *traits) {
  if (*at == '\\') {
    size_t length = escape_length(at, end);
    *traits |= D2_JSON_BACKSLASH;
    return length == 0 ? NULL : at + length;
  }
  if (*at < 0x80) return NULL;  // A control byte.
  *traits |= D2_JSON_NOT_ASCII;
  while (at < end && *at >= 0x80) {
    size_t length = sequence_length(at, end);
    if (length == 0) return NULL;
    at += length;
  }
  return at;
}

// --- Following -------------------------------------------------------------------------------------------------------

/// Whether the line ends here: at its line end, or at the end of the text.
static inline int ends_line(const uint8_t *at, const uint8_t *end) {
  return at == end || *at == '\n' || (*at == '\r' && at + 1 < end && at[1] == '\n');
}

/// Hides from the compiler that this length equals the one that was searched for. So the processor uses the guess at
/// once, and does not wait for the search to end.
static inline size_t guessed(uint32_t length) {
  __asm__("" : "+r"(length));
  return length;
}

// The loops, for each way to compare 32 bytes. `different_…` has a bit for each byte that differs. `special_…` has a
// bit for each quote, backslash, control byte and byte above 0x7F.
#define DEFINE_FOLLOW(NAME, TARGET)                                                                                    \
  TARGET static inline int stands_##NAME(const literal *known, const uint8_t *at, const uint8_t *end) {                \
    if (end - at < (ptrdiff_t)known->length) return 0;                                                                 \
    for (uint32_t piece = 0; piece < known->last_piece; piece += piece_bytes)                                          \
      if (different_##NAME(known->text + piece, at + piece) != 0) return 0;                                            \
    return (different_##NAME(known->text + known->last_piece, at + known->last_piece) & known->last_bytes) == 0;       \
  }                                                                                                                    \
  TARGET static inline const uint8_t *end_of_text_##NAME(const uint8_t *at, const uint8_t *end, uint32_t usual_length, \
                                                         uint32_t *traits) {                                           \
    uint32_t special = special_##NAME(at);                                                                             \
    if (special != 0 && (uint32_t)__builtin_ctz(special) == usual_length && at[usual_length] == '"')                   \
      return at + guessed(usual_length);                                                                               \
    while (at < end) {                                                                                                 \
      special = special_##NAME(at);                                                                                    \
      if (special == 0) {                                                                                              \
        at += piece_bytes;                                                                                             \
        continue;                                                                                                      \
      }                                                                                                                \
      at += __builtin_ctz(special);                                                                                    \
      if (*at == '"') return at;                                                                                       \
      if (at >= end) return NULL;                                                                                      \
      at = behind_special(at, end, traits);                                                                            \
      if (at == NULL) return NULL;                                                                                     \
    }                                                                                                                  \
    return NULL;                                                                                                       \
  }                                                                                                                    \
  TARGET const d2_json_keys *d2_follow_##NAME(const d2_json_layouts *layouts, const uint8_t *text, size_t length,      \
                                              d2_json_field *fields, d2_json_line *line) {                             \
    const uint8_t *at = text, *end = text + length;                                                                    \
    uint32_t texts = 0, traits = 0;                                                                                    \
    const literal *known = layouts->first;                                                                             \
    while (known != NULL) {                                                                                            \
      if (!stands_##NAME(known, at, end)) {                                                                            \
        known = known->alternative;                                                                                    \
        continue;                                                                                                      \
      }                                                                                                                \
      for (int i = 0; i < known->fixed_count; i++) {                                                                   \
        fields[known->fixed_slots[i]] = known->fixed[i];                                                               \
        fields[known->fixed_slots[i]].start += (uint32_t)(at - text);                                                  \
      }                                                                                                                \
      at += known->length;                                                                                             \
      if (known->ends_line) {                                                                                          \
        if (!ends_line(at, end)) return NULL;                                                                          \
        line->length = (size_t)(at - text);                                                                            \
        line->filled = texts & known->keys.present;                                                                    \
        line->traits = traits | known->traits;                                                                         \
        return &known->keys;                                                                                           \
      }                                                                                                                \
      const uint8_t *begin = at;                                                                                       \
      at = end_of_text_##NAME(at, end, known->usual_length, &traits);                                                  \
      if (at == NULL) return NULL;                                                                                     \
      d2_json_field *field = &fields[known->slot];                                                                     \
      field->kind = known->kind;                                                                                       \
      field->start = (uint32_t)(begin - text);                                                                         \
      field->length = (uint32_t)(at - begin);                                                                          \
      texts |= (uint32_t)(at != begin) << known->slot;                                                                 \
      known = known->next;                                                                                             \
    }                                                                                                                  \
    return NULL;                                                                                                       \
  }

static inline uint32_t different_portable(const uint8_t *one, const uint8_t *other) {
  uint32_t bits = 0;
  for (int i = 0; i < piece_bytes; i++) bits |= (uint32_t)(one[i] != other[i]) << i;
  return bits;
}

static inline uint32_t special_portable(const uint8_t *text) {
  uint32_t bits = 0;
  for (int i = 0; i < piece_bytes; i++) {
    uint8_t byte = text[i];
    bits |= (uint32_t)(byte == '"' || byte == '\\' || byte < 0x20 || byte >= 0x80) << i;
  }
  return bits;
}
DEFINE_FOLLOW(portable, )

#if defined(__x86_64__)
#include <immintrin.h>

static inline uint32_t different_sse2(const uint8_t *one, const uint8_t *other) {
#define LOAD(TEXT) _mm_loadu_si128((const __m128i *)(TEXT))
#define MASK(VECTOR) ((uint32_t)_mm_movemask_epi8(VECTOR))
  return ~(MASK(_mm_cmpeq_epi8(LOAD(one), LOAD(other))) |
           MASK(_mm_cmpeq_epi8(LOAD(one + 16), LOAD(other + 16))) << 16);
}

// As signed numbers, both control bytes and bytes above 0x7F are less than a space.
static inline uint32_t special_sse2(const uint8_t *text) {
  __m128i low = LOAD(text), high = LOAD(text + 16), space = _mm_set1_epi8(0x20);
#define EQUALS(VECTOR, BYTE) _mm_cmpeq_epi8(VECTOR, _mm_set1_epi8(BYTE))
#define SPECIAL(VECTOR)                                                                                                \
  MASK(_mm_or_si128(_mm_or_si128(EQUALS(VECTOR, '"'), EQUALS(VECTOR, '\\')), _mm_cmpgt_epi8(space, VECTOR)))
  return SPECIAL(low) | SPECIAL(high) << 16;
#undef SPECIAL
#undef EQUALS
#undef MASK
#undef LOAD
}
DEFINE_FOLLOW(sse2, )

#define AVX2 __attribute__((target("avx2,bmi")))
AVX2 static inline uint32_t different_avx2(const uint8_t *one, const uint8_t *other) {
  __m256i left = _mm256_loadu_si256((const __m256i *)one), right = _mm256_loadu_si256((const __m256i *)other);
  return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(left, right));
}

AVX2 static inline uint32_t special_avx2(const uint8_t *text) {
  __m256i bytes = _mm256_loadu_si256((const __m256i *)text);
  __m256i quotes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
  __m256i backslashes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));
  __m256i others = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), bytes);
  return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quotes, backslashes), others));
}
DEFINE_FOLLOW(avx2, AVX2)

#elif defined(__aarch64__)
#include <arm_neon.h>

// Reduces two vectors of 0x00 or 0xFF to one bit a byte, by pairwise addition.
static inline uint32_t neon_mask(uint8x16_t low, uint8x16_t high) {
  const uint8x16_t bits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint8x16_t sum = vpaddq_u8(vandq_u8(low, bits), vandq_u8(high, bits));
  sum = vpaddq_u8(sum, sum);
  sum = vpaddq_u8(sum, sum);
  return vgetq_lane_u32(vreinterpretq_u32_u8(sum), 0);
}

static inline uint32_t different_neon(const uint8_t *one, const uint8_t *other) {
  return ~neon_mask(vceqq_u8(vld1q_u8(one), vld1q_u8(other)), vceqq_u8(vld1q_u8(one + 16), vld1q_u8(other + 16)));
}

static inline uint8x16_t special_bytes_neon(uint8x16_t bytes) {
  uint8x16_t marks = vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('"')), vceqq_u8(bytes, vdupq_n_u8('\\')));
  return vorrq_u8(marks, vcltq_s8(vreinterpretq_s8_u8(bytes), vdupq_n_s8(0x20)));
}

static inline uint32_t special_neon(const uint8_t *text) {
  return neon_mask(special_bytes_neon(vld1q_u8(text)), special_bytes_neon(vld1q_u8(text + 16)));
}
DEFINE_FOLLOW(neon, )
#endif
