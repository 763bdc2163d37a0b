// Calls of the C library that Swift's overlay does not show.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Whether `text` holds `pattern`.
int d2_contains(const void *text, size_t length, const void *pattern, size_t pattern_length);

/// Where `pattern` stands first in `text`, or -1.
ptrdiff_t d2_find(const void *text, size_t length, const void *pattern, size_t pattern_length);

/// Copies bytes, and writes `replacement` for each that is `byte`.
void d2_copy_replacing(void *to, const void *from, size_t length, uint8_t byte, uint8_t replacement);

/// Keeps freed memory in the process: for programs that make large buffers one after the other.
void d2_keep_freed_memory(void);
