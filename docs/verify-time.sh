#!/usr/bin/env bash
# Processor time of `mvn verify` in fresh clones, of two commits on one machine:
#   bash docs/verify-time.sh BEFORE AFTER >> docs/results/verify.jsonl
# Three lines: BEFORE's `mvn verify`, AFTER's, and AFTER's `mvn verify -Pfull`. Dependencies must be in Maven's repository
# already; no compiler cache is used; threads that wait do not spin. The time is that of all processes, user and system.
# A failing test does not end a run, and the line says so. GOAL=validate tries the script itself in seconds.
set -euo pipefail
before=$1 after=$2 goal=${GOAL:-verify}
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset CMAKE_C_COMPILER_LAUNCHER CMAKE_CXX_COMPILER_LAUNCHER CMAKE_CUDA_COMPILER_LAUNCHER OMP_NUM_THREADS
export OMP_WAIT_POLICY=passive
processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)

measure() { # COMMIT ARGUMENTS…
  local commit=$1 clone=$work/clone log=$work/log times passed=true
  shift
  rm -rf "$clone"
  git clone -q "$here" "$clone"
  git -C "$clone" checkout -q --detach "$commit"
  commit=$(git -C "$clone" rev-parse --short=8 HEAD)
  local TIMEFORMAT='%R %U %S'
  times=$( (cd "$clone" && time mvn -B -ntp -Dmaven.test.failure.ignore=true "$@" >"$log" 2>&1) 2>&1) ||
    { tail -40 "$log" >&2; return 1; }
  if grep -q 'There are test failures' "$log"; then passed=false; fi
  awk -v commit="$commit" -v command="mvn $*" -v passed="$passed" -v processor="$processor" -v cores="$(nproc)" '{
    printf "{\"run\": \"verify\", \"commit\": \"%s\", \"command\": \"%s\", \"processor_seconds\": %d, \"wall_seconds\": %d, ", \
      commit, command, $2 + $3 + 0.5, $1 + 0.5
    printf "\"passed\": %s, \"processor\": \"%s\", \"cores\": %d}\n", passed, processor, cores
  }' <<<"$times"
}

measure "$before" "$goal"
measure "$after" "$goal"
measure "$after" "$goal" -Pfull
