// The SIMD paths for this machine. `json_blocks.c` chooses one for the process.
#pragma once

#include "json_blocks.h"
#include "json_layouts.h"
#include "json_lines.h"

typedef const d2_json_keys *follow_function(const d2_json_layouts *, const uint8_t *, size_t, d2_json_field *,
                                            d2_json_line *);

follow_function d2_follow_portable;
#if defined(__x86_64__)
follow_function d2_follow_sse2, d2_follow_avx2;
#elif defined(__aarch64__)
follow_function d2_follow_neon;
#endif

typedef size_t lines_function(uint8_t *, size_t, d2_json_state *, d2_json_elements *);

lines_function d2_lines_portable;
#if defined(__x86_64__)
lines_function d2_lines_sse2, d2_lines_avx2, d2_lines_avx512;
#elif defined(__aarch64__)
lines_function d2_lines_neon;
#endif

/// One path: its name and its loops.
typedef struct {
  const char *name;
  void (*blocks)(const uint8_t *, size_t, d2_json_state *, d2_json_block *);
  int64_t (*index)(const uint8_t *, size_t, uint32_t *, uint32_t *);
  follow_function *follow;
  lines_function *lines;
} d2_json_path_functions;
