#include "processors.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace eqv::cpu {
namespace {

// The first line of a file, without its end; empty when it cannot be read.
std::string first_line(const std::string& path) {
  std::string line;
  if (FILE* file = std::fopen(path.c_str(), "r")) {
    char text[256];
    if (std::fgets(text, sizeof text, file)) line.assign(text, std::strcspn(text, "\r\n"));
    std::fclose(file);
  }
  return line;
}

// Processors that a quota of `quota` microseconds in each `period` allows; 0 when there is no limit or no number.
double paid(const std::string& quota, const std::string& period) {
  const double q = std::atof(quota.c_str()), p = std::atof(period.c_str());
  return q > 0 && p > 0 ? q / p : 0;
}

// cgroups v2: "max 100000" or "150000 100000". v1: two files, -1 for no limit.
double limit_of(const std::string& folder, bool v2) {
  if (!v2) return paid(first_line(folder + "/cpu.cfs_quota_us"), first_line(folder + "/cpu.cfs_period_us"));
  const std::string line = first_line(folder + "/cpu.max");
  const size_t space = line.find(' ');
  return space == std::string::npos ? 0 : paid(line.substr(0, space), line.substr(space + 1));
}

// The tightest limit of a group and of all above it: each of them is enforced. Inside a container the path that /proc names
// may not be visible; the mounted root is the container's own group then.
double tightest(const std::string& mount, std::string path, bool v2) {
  double tightest = 0;
  while (true) {
    const double limit = limit_of(mount + path, v2);
    if (limit > 0 && (tightest == 0 || limit < tightest)) tightest = limit;
    const size_t slash = path.rfind('/');
    if (path.empty() || slash == std::string::npos) return tightest;
    path.erase(slash);
  }
}

// Does a comma-separated list of controllers name "cpu"?
bool names_cpu(const std::string& controllers) { return ("," + controllers + ",").find(",cpu,") != std::string::npos; }

double quota(const std::string& root) {
  FILE* file = std::fopen((root + "/proc/self/cgroup").c_str(), "r");
  if (!file) return 0;
  double tightest_of_all = 0;
  char text[4096];
  while (std::fgets(text, sizeof text, file)) {  // number:controllers:path
    const std::string line(text, std::strcspn(text, "\r\n"));
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    const bool v2 = controllers.empty();
    if (!v2 && !names_cpu(controllers)) continue;
    // v1 mounts the controllers together under their names, in an order of the system's choice, or "cpu" alone.
    for (const std::string& mount : v2 ? std::vector<std::string>{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}
                                       : std::vector<std::string>{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/" + controllers}) {
      const double limit = tightest(root + mount, path, v2);
      if (limit > 0 && (tightest_of_all == 0 || limit < tightest_of_all)) tightest_of_all = limit;
    }
  }
  std::fclose(file);
  return tightest_of_all;
}

// Cores are told apart by the list of a core's processors, such as "0,32". A system that has no such list has one processor per
// core.
int cores(const std::vector<int>& processors, const std::string& root) {
  std::set<std::string> cores;
  for (const int processor : processors) {
    const std::string number = std::to_string(processor);
    const std::string siblings =
        first_line(root + "/sys/devices/system/cpu/cpu" + number + "/topology/thread_siblings_list");
    cores.insert(siblings.empty() ? number : siblings);
  }
  return static_cast<int>(cores.size());
}

}  // namespace

std::vector<int> affinity() {
  std::vector<int> processors;
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) {
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(i, &mask)) processors.push_back(i);
  } else {  // more processors than the mask has bits
    for (int i = 0; i < sysconf(_SC_NPROCESSORS_ONLN); ++i) processors.push_back(i);
  }
  return processors;
}

int processors(const std::vector<int>& allowed, const char* root) {
  const int free = cores(allowed, root);
  const double limit = quota(root);
  return limit > 0 ? std::min(free, std::max(1, static_cast<int>(std::ceil(limit)))) : free;
}

}  // namespace eqv::cpu
