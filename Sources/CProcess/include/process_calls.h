// Child processes that do not outlive their parent.
#pragma once

#include <sys/types.h>

/// Starts `bash -o pipefail -c command` in a process group of its own, without input. It is killed when the calling
/// thread ends. Returns -1 with errno on failure.
pid_t d2_spawn_shell(const char *command, char *const environment[], int standard_output, int standard_error);

/// Starts a program with an environment and a standard output. It is found in our own PATH if `file` has no slash. It
/// gets SIGTERM when the calling thread ends. Returns -1 with errno on failure.
pid_t d2_spawn(const char *file, char *const words[], char *const environment[], int standard_output);

/// Creates a pipe whose ends no child inherits, not even one that another thread starts at the same moment. Returns 0,
/// or -1 with errno.
int d2_pipe(int ends[2]);

/// Makes this process the parent of descendants whose own parents end.
void d2_adopt_orphans(void);

/// Ends this process (SIGTERM) when its parent ends.
void d2_end_with_parent(void);

/// The path by which this process was executed, before links are resolved. NULL if the kernel does not report it.
const char *d2_executed_path(void);
