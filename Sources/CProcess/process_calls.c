#define _GNU_SOURCE
#include "process_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

// Gives a descriptor the number that a program expects. If it has that number already (a pipe may, if ours is closed),
// dup2 would do nothing, and exec would close it.
static int place(int descriptor, int number) {
  return descriptor == number ? fcntl(number, F_SETFD, 0) : dup2(descriptor, number);
}

// Prepares a child: it ends with its parent, has default signal handling, and gets no input. It uses only calls that
// are allowed between fork and exec of a program with threads.
static void begin_child(pid_t parent, int death_signal, int standard_output) {
  prctl(PR_SET_PDEATHSIG, death_signal);
  if (getppid() != parent) _exit(127);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (place(standard_output, 1) < 0) _exit(127);
  int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (empty < 0 || place(empty, 0) < 0) _exit(127);
}

pid_t d2_spawn_shell(const char *command, char *const environment[], int standard_output, int standard_error) {
  char *const words[] = {"bash", "-o", "pipefail", "-c", (char *)command, NULL};
  pid_t parent = getpid();
  pid_t child = fork();
  if (child != 0) return child;
  setpgid(0, 0);
  begin_child(parent, SIGKILL, standard_output);
  if (place(standard_error, 2) < 0) _exit(127);
  execve("/bin/bash", words, environment);
  _exit(127);
}

pid_t d2_spawn(const char *file, char *const words[], char *const environment[], int standard_output) {
  pid_t parent = getpid();
  pid_t child = fork();
  if (child != 0) return child;
  begin_child(parent, SIGTERM, standard_output);
  execvpe(file, words, environment);
  _exit(127);
}

int d2_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

void d2_adopt_orphans(void) { prctl(PR_SET_CHILD_SUBREAPER, 1); }

void d2_end_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGTERM); }

const char *d2_executed_path(void) { return (const char *)getauxval(AT_EXECFN); }
