// Calls of the C library that Swift's overlay lacks.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Whether `text` contains `pattern`.
int d2_contains(const void *text, size_t length, const void *pattern, size_t pattern_length);

/// The offset of the first `pattern` in `text`, or -1.
ptrdiff_t d2_find(const void *text, size_t length, const void *pattern, size_t pattern_length);

/// Copies bytes, and replaces each `byte` with `replacement`.
void d2_copy_replacing(void *to, const void *from, size_t length, uint8_t byte, uint8_t replacement);

/// Keeps freed memory in the process, for programs that make large buffers one after another.
void d2_keep_freed_memory(void);
