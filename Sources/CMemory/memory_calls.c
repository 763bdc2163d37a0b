#define _GNU_SOURCE
#include "memory_calls.h"

#include <malloc.h>
#include <string.h>

int d2_contains(const void *text, size_t length, const void *pattern, size_t pattern_length) {
  return memmem(text, length, pattern, pattern_length) != NULL;
}

ptrdiff_t d2_find(const void *text, size_t length, const void *pattern, size_t pattern_length) {
  const char *found = memmem(text, length, pattern, pattern_length);
  return found == NULL ? -1 : found - (const char *)text;
}

void d2_copy_replacing(void *restrict to, const void *restrict from, size_t length, uint8_t byte, uint8_t replacement) {
  uint8_t *out = to;
  const uint8_t *in = from;
  for (size_t i = 0; i < length; i++) out[i] = in[i] == byte ? replacement : in[i];
}

void d2_keep_freed_memory(void) {
  // What is larger is made seldom, and would leave holes that the next one does not fit into.
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  mallopt(M_ARENA_MAX, 1);
}
