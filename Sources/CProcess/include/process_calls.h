// Child processes that do not outlive their parent.
#pragma once

#include <sys/types.h>

/// Starts `bash -o pipefail -c command` in a process group of its own, killed when the calling thread ends. Its stdin
/// is empty. Returns -1 with errno.
pid_t d2_spawn_shell(const char *command, char *const environment[], int standard_output, int standard_error);

/// Starts a program, found on our own PATH if `file` has no slash, with an environment and its standard output; ended
/// (SIGTERM) when the calling thread ends. Returns -1 with errno.
pid_t d2_spawn(const char *file, char *const words[], char *const environment[], int standard_output);

/// Makes a pipe whose ends no child inherits, not even one that another thread starts at the same moment. 0, or -1 with
/// errno.
int d2_pipe(int ends[2]);

/// From now on processes whose parents end become children of this one.
void d2_adopt_orphans(void);

/// Ends this process (SIGTERM) when its parent does.
void d2_end_with_parent(void);

/// The path by which this process was executed: of a link, where it is one. NULL if the kernel did not tell.
const char *d2_executed_path(void);
