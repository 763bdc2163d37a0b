// libFuzzer brings `main`, FuzzTargets what it calls: this file only makes a program of them. A program of Swift would
// want a `main` of its own.
int LLVMFuzzerInitialize(int *count, char ***arguments) {
  (void)count;
  (void)arguments;
  return 0;
}
