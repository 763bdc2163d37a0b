// The sanitizers' libraries of the private toolchain lack some names on a machine with an older C library. These are
// the new names of a newer glibc for old functions, and the size of a structure that it no longer has. They are weak,
// so any other definition wins.
#include <locale.h>
#include <stdarg.h>
#include <stddef.h>

#define OLD(NAME) __asm__(#NAME)
#define WEAK __attribute__((weak))

#define DEFINE(RESULT, NAME, CHARACTER)                                                                                \
  extern RESULT old_##NAME(const CHARACTER *, CHARACTER **, int) OLD(NAME);                                            \
  WEAK RESULT __isoc23_##NAME(const CHARACTER *text, CHARACTER **end, int base) { return old_##NAME(text, end, base); }
#define DEFINE_LOCALE(RESULT, NAME)                                                                                    \
  extern RESULT old_##NAME(const char *, char **, int, locale_t) OLD(NAME);                                            \
  WEAK RESULT __isoc23_##NAME(const char *text, char **end, int base, locale_t locale) {                               \
    return old_##NAME(text, end, base, locale);                                                                        \
  }

DEFINE(long, strtol, char)
DEFINE(long long, strtoll, char)
DEFINE(unsigned long, strtoul, char)
DEFINE(unsigned long long, strtoull, char)
DEFINE(long, wcstol, wchar_t)
DEFINE(long long, wcstoll, wchar_t)
DEFINE(unsigned long, wcstoul, wchar_t)
DEFINE(unsigned long long, wcstoull, wchar_t)
DEFINE_LOCALE(long long, strtoll_l)
DEFINE_LOCALE(unsigned long long, strtoull_l)

extern int old_vsscanf(const char *, const char *, va_list) OLD(vsscanf);
WEAK int __isoc23_vsscanf(const char *text, const char *format, va_list arguments) {
  return old_vsscanf(text, format, arguments);
}
WEAK int __isoc23_sscanf(const char *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int read = old_vsscanf(text, format, arguments);
  va_end(arguments);
  return read;
}

// Of Linux's struct termio, which is the same everywhere: __sanitizer::struct_termio_sz.
WEAK unsigned _ZN11__sanitizer16struct_termio_szE = 18;
