// expat uses a function for random numbers that glibc has only since 2.36. With this replacement the commands run on
// older systems too (Ubuntu 22.04 has 2.35).
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void arc4random_buf(void *into, size_t size) {
  char *at = into;
  while (size > 0) {
    ssize_t got = getrandom(at, size, 0);
    if (got < 0 && errno != EINTR) abort();
    if (got > 0) {
      at += got;
      size -= (size_t)got;
    }
  }
}
