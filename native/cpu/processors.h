// How many threads compute.
#pragma once

#include <vector>

namespace eqv::cpu {

// The processors of the calling thread's affinity mask.
std::vector<int> affinity();

// One for each physical core that has one of these processors (two threads of one core share its arithmetic), and no more than
// the quotas of the process's control groups allow: a container with a quota of one processor on a machine of 64 gets 1, since
// more threads would only be throttled together. `root` is where /proc and /sys lie.
int processors(const std::vector<int>& allowed, const char* root = "");

}  // namespace eqv::cpu
