#!/usr/bin/env bash
# Measures how the demo's training shares a machine of two processors: with all threads and with one, alone, beside one busy
# process, and on one processor (an affinity mask, as of a container with one). The settings take turns, ROUNDS times. From the
# repository's root, on a machine that does nothing else:
#   bash docs/neighbour.sh >> docs/results/neighbour.jsonl
# BEFORE=folder also measures the native libraries there, of another build, that of the commit BEFORE_COMMIT. STEPS (default 80) are the steps of a run.
# FIRST=command is put before each run and the busy process, such as 'nice -n -20' where other programs compute, too.
# Prints a line for each build: medians over the rounds of images per second, which are those of all steps of a run but the first
# quarter, their ratios, and how many processes ran or wanted to (the load) at the end.
set -euo pipefail
eqvae=${EQVAE:-./eqvae} rounds=${ROUNDS:-3} steps=${STEPS:-80} before=${BEFORE:-} first=${FIRST:-}
dir=$(mktemp -d)
busy=
trap '[ -z "$busy" ] || kill "$busy"; rm -rf "$dir"' EXIT
unset OMP_NUM_THREADS OMP_WAIT_POLICY GOMP_SPINCOUNT
run() { # BUILD SETTING THREADS COMMAND…
  local build=$1 setting=$2 threads=$3
  shift 3
  [ "$build" = now ] || export EQVAE_NATIVE_DIR=$before
  $first "$@" "$eqvae" train --quiet demo --device cpu --out "$dir/run" --steps "$steps" --set run.threads="$threads" --set run.log_every=1 \
    --set run.save_every=0 --set run.validate_every=0 --set run.sample_every=0 --set evaluation.images=1 --set evaluation.batch=1 \
    --set data.validation=1 >"$dir/log" 2>&1 || { tail -5 "$dir/log" >&2; exit 1; }
  unset EQVAE_NATIVE_DIR
  python3 - "$build" "$setting" "$dir/run" >>"$dir/lines" <<'PY'
import json, sys
build, setting, run = sys.argv[1:]
speeds = [l["images_per_second"] for l in map(json.loads, open(f"{run}/metrics.jsonl")) if "images_per_second" in l]
speeds = speeds[len(speeds) // 4:]
print(json.dumps([build, setting, len(speeds) / sum(1 / s for s in speeds)]))
PY
  rm -rf "$dir/run"
}
for ((round = 0; round < rounds; round++)); do
  for build in now ${before:+before}; do
    run $build alone 0
    run $build one_thread 1
    $first bash -c 'while :; do :; done' &
    busy=$!
    run $build beside 0
    run $build one_thread_beside 1
    kill "$busy"
    wait "$busy" 2>/dev/null || true
    busy=
    run $build one_processor 0 taskset -c 0
    run $build one_thread_one_processor 1 taskset -c 0
  done
done
python3 - "$dir/lines" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" "$(nproc)" "$(git rev-parse --short=8 HEAD)" \
  "$rounds" "$steps" "$first" "${BEFORE_COMMIT:-}" <<'PY'
import json, os, statistics, sys
file, processor, cores, commit, rounds, steps, first, before = sys.argv[1:]
lines = [json.loads(line) for line in open(file)]
for build in sorted({l[0] for l in lines}):
    speed = {s: statistics.median(l[2] for l in lines if l[:2] == [build, s]) for _, s, _ in lines}
    print(json.dumps({"run": "neighbour", "build": build, "commit": commit if build == "now" else before, "processor": processor, "cores": int(cores),
                      "rounds": int(rounds), "steps": int(steps), "first": first, "load": round(os.getloadavg()[1], 1)}
                     | {s: round(v, 1) for s, v in speed.items()}
                     | {"beside_to_alone": round(speed["beside"] / speed["alone"], 3),
                        "beside_to_one_thread_beside": round(speed["beside"] / speed["one_thread_beside"], 3),
                        "default_to_one_thread_on_one_processor":
                            round(speed["one_processor"] / speed["one_thread_one_processor"], 3)}))
PY
