// How many processors this process may use.
#pragma once

namespace eqv::cpu {

// Those of its affinity mask, and no more than the quotas of its control groups allow: a container with a quota of one
// processor on a machine of 64 gets 1, since more threads would only be throttled together. `root` is where /proc and /sys lie.
int processors(int affinity, const char* root = "");

}  // namespace eqv::cpu
