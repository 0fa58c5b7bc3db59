// Prints how many of 16 processors a process may use. The given folder has its /proc and /sys. Run by ProcessorsTest.
#include <cstdio>

#include "processors.h"

int main(int count, char** arguments) {
  if (count != 2) return 2;
  std::printf("%d\n", eqv::cpu::processors(16, arguments[1]));
}
