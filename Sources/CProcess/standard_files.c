#include <errno.h>
#include <fcntl.h>

// Runs before anything is opened. If stdin, stdout or stderr is closed (`<&-`, or a service without them), the first
// file that this program opens would get its number. The command would read or write that file, or wait forever for a
// descriptor of Swift's runtime. So this opens a file that cannot be read or written, and each use fails.
__attribute__((constructor)) static void take_closed_standard_files(void) {
  for (int number = 0; number <= 2; number++) {
    if (fcntl(number, F_GETFD) == -1 && errno == EBADF) open("/dev/null", number == 0 ? O_WRONLY : O_RDONLY);
  }
}
