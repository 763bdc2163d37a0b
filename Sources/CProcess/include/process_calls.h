// Child processes that do not outlive their parent.
#pragma once

#include <sys/types.h>

/// Starts `bash -o pipefail -c command` in a process group of its own, killed when the calling thread ends. Its stdin is empty.
/// Returns -1 with errno.
pid_t d2_spawn_shell(const char *command, char *const environment[], int standard_output, int standard_error);

/// From now on processes whose parents end become children of this one.
void d2_adopt_orphans(void);

/// Ends this process (SIGTERM) when its parent does.
void d2_end_with_parent(void);
