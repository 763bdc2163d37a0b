// libFuzzer provides `main`, and FuzzTargets the functions that it calls. This file only makes a program of them. A
// Swift program would need its own `main`.
int LLVMFuzzerInitialize(int *count, char ***arguments) {
  (void)count;
  (void)arguments;
  return 0;
}
