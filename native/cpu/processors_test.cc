// Prints how many threads a process takes that may use the processors 0 to 15. The given folder has its /proc and /sys. Run by
// ProcessorsTest.
#include <cstdio>
#include <numeric>

#include "processors.h"

int main(int count, char** arguments) {
  if (count != 2) return 2;
  std::vector<int> allowed(16);
  std::iota(allowed.begin(), allowed.end(), 0);
  std::printf("%d\n", eqv::cpu::processors(allowed, arguments[1]));
}
