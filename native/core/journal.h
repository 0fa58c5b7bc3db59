// With EQV_PROFILE_CALLS=FILE a profiled device writes what its calls are to a file, a line each, in their order: for a model of
// the time that a step needs (bench/run model). The planner also writes its launches.
#pragma once

namespace eqv {

bool journals();
[[gnu::format(printf, 1, 2)]] void journal(const char* format, ...);

}  // namespace eqv
