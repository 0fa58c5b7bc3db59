#!/usr/bin/env bash
# Compares ranks under mpirun with one process, on larger runs than the tests have. From the repository's root, with Open MPI:
#   bash docs/ranks.sh [PART...] >> docs/results/ranks.jsonl      PARTs: bits, kills, encode; all if none is named
# bits: recipes/demo.yaml, and a small DiT on its latents, by 2, 3 and 4 ranks with four sizes of bucket, in one piece and
#   resumed, against one rank that accumulates 2, 3 and 4 micro-batches: hashes of weights, moments and averages.
# kills: SIGKILL of a random one of three ranks (the DiT) at KILLS random moments, from the start of the processes on. Each
#   time all must end within 30 s with one message that names the rank, and the next attempt resumes the run. At the end its
#   hashes are compared with those of one rank that was never killed.
# encode: 10,000 pictures by two ranks, against the files of one.
# Prints a line for each comparison, and ends with an error if one fails. EQVAE=path/to/eqvae runs another build; RECIPES, SIZES and
# BUCKETS choose some of the bits.
set -euo pipefail
cd "$(dirname "$0")/.."
eqvae=${EQVAE:-./eqvae} KILLS=${KILLS:-20} STEPS=${STEPS:-6}
RECIPES=${RECIPES:-demo dit} SIZES=${SIZES:-2 3 4} BUCKETS=${BUCKETS:-4096 32768 262144 33554432}
RANDOM=${SEED:-1}
pictures=data/fashion-mnist/t10k-images-idx3-ubyte.gz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
commit=$(git rev-parse --short=8 HEAD)
wrong=0

report() { # FIELDS OF A JSON OBJECT, AND WHAT MUST BE EQUAL
  local same=true
  [ "$2" = "$3" ] || same=false wrong=1
  printf '{%s, "same": %s, "sha256": "%s", "commit": "%s"}\n' "$1" "$same" "$3" "$commit"
}

quietly() { "$@" >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }; }

by() { # RANKS, ARGUMENTS
  local launcher=()
  [ "$1" = 1 ] || launcher=(mpirun -n "$1" --bind-to none --oversubscribe)
  quietly "${launcher[@]}" "$eqvae" "${@:2}"
}

# Of all files of a folder but those that are named.
hash_of() {
  (cd "$1" && find . -type f "${@:2}" | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1)
}
# Of the newest checkpoint; its .json have clocks.
weights() { hash_of "$(find "$1/checkpoints" -mindepth 1 -maxdepth 1 -name 'step-*' | sort | tail -1)" ! -name '*.json'; }

# The arguments that begin a run of few pictures and no pauses.
begin() { # RECIPE, FOLDER
  arguments=(train --out "$2" --set=run.threads=1 --set=run.log_every=1 --set=run.validate_every=0 --set=run.sample_every=0
    --set=optimizer.schedule=constant --set=optimizer.warmup_steps=0)
  case $1 in
    demo)
      arguments+=(demo --set=data.path="$pictures" --set=data.validation=32 --set=evaluation.images=8)
      ;;
    dit)
      arguments+=(dit-small --set=data.path="$work/latents" --set=data.validation=8 --set=run.batch_size=8
        --set=model.width=32 --set=model.depth=2 --set=model.heads=2 --set=samples.count=4 --set=samples.steps=2)
      ;;
  esac
}

begin demo "$work/vae"
by 1 "${arguments[@]}" --steps 2
by 1 encode "$work/vae" "$pictures" "$work/latents" --posterior moments --crop pad

bits() {
  local recipe size one bucket
  for recipe in $RECIPES; do
    for size in $SIZES; do
      begin "$recipe" "$work/one"
      by 1 "${arguments[@]}" --steps "$STEPS" --set=optimizer.accumulate="$size"
      one=$(weights "$work/one")
      for bucket in $BUCKETS; do
        export EQVAE_RANKS_BUCKET=$bucket
        begin "$recipe" "$work/ranks"
        by "$size" "${arguments[@]}" --steps "$STEPS"
        report "\"run\": \"bits\", \"recipe\": \"$recipe\", \"ranks\": $size, \"bucket_bytes\": $bucket, \"resumed\": false" \
          "$one" "$(weights "$work/ranks")"
        rm -r "$work/ranks"
        by "$size" "${arguments[@]}" --steps "$((STEPS / 2))"
        by "$size" train --resume "$work/ranks" --steps "$STEPS"
        report "\"run\": \"bits\", \"recipe\": \"$recipe\", \"ranks\": $size, \"bucket_bytes\": $bucket, \"resumed\": true" \
          "$one" "$(weights "$work/ranks")"
        rm -r "$work/ranks"
      done
      unset EQVAE_RANKS_BUCKET
      rm -r "$work/one"
    done
  done
}

lines() { { cat "$work/killed/metrics.jsonl" 2>/dev/null || true; } | wc -l; }

kills() {
  local size=3 k at victim launcher pids began ended steps named worst=0 messages=0 resumed=0
  begin dit "$work/killed"
  arguments+=(--set=run.save_every=20 --steps 100000)
  for ((k = 0; k < KILLS; k++)); do
    if [ -e "$work/killed/recipe.yaml" ]; then
      arguments=(train --resume "$work/killed")
      resumed=$((resumed + 1))
    fi
    # Every fourth time while the processes start; else after some steps, of which each writes a line.
    at=$(($(lines) + (k % 4 == 3 ? 0 : 1 + RANDOM % 60)))
    mpirun -n "$size" --bind-to none --oversubscribe "$eqvae" "${arguments[@]}" >"$work/log" 2>&1 &
    launcher=$!
    while [ "$(lines)" -lt "$at" ] && kill -0 "$launcher" 2>/dev/null; do sleep 0.02; done
    sleep "0.$((100 + RANDOM % 900))"
    pids=()
    while [ "${#pids[@]}" -lt "$size" ]; do # in the order of the ranks
      mapfile -t pids < <(pgrep -P "$launcher" | sort -n)
    done
    victim=$((RANDOM % size))
    kill -KILL "${pids[victim]}"
    began=$(date +%s%N)
    if wait "$launcher"; then
      echo "mpirun ended well, although rank $victim was killed" >&2
      exit 1
    fi
    while kill -0 "${pids[@]}" 2>/dev/null; do sleep 0.01; done
    ended=$((($(date +%s%N) - began) / 1000000))
    worst=$((ended > worst ? ended : worst))
    named=$(grep -c "process rank $victim .* signal 9" "$work/log" || true)
    messages=$((messages + (named == 1)))
    printf '{"run": "kill", "rank": %d, "lines": %d, "ended_ms": %d, "messages": %d, "commit": "%s"}\n' \
      "$victim" "$(lines)" "$ended" "$named" "$commit"
  done
  [ "$worst" -le 30000 ] && [ "$messages" = "$KILLS" ] || wrong=1
  steps=$(find "$work/killed/checkpoints" -name 'step-*' -printf '%f\n' | sort | tail -1)
  steps=$((10#${steps#step-} + 20))
  by "$size" train --resume "$work/killed" --steps "$steps"
  begin dit "$work/one"
  by 1 "${arguments[@]}" --steps "$steps" --set=optimizer.accumulate="$size"
  report "\"run\": \"kills\", \"ranks\": $size, \"kills\": $KILLS, \"resumed\": $resumed, \"longest_end_ms\": $worst, \"steps\": $steps" \
    "$(weights "$work/one")" "$(weights "$work/killed")"
  rm -r "$work/one" "$work/killed"
}

encode() {
  local size posterior
  for posterior in moments sample; do
    for size in 1 2; do
      by "$size" encode "$work/vae" "$pictures" "$work/by-$size" --posterior "$posterior" --crop pad --hflip --shard-size 500
    done
    report "\"run\": \"encode\", \"ranks\": 2, \"pictures\": 10000, \"posterior\": \"$posterior\", \"files\": $(ls "$work/by-2" | wc -l)" \
      "$(hash_of "$work/by-1")" "$(hash_of "$work/by-2")"
    rm -r "$work/by-1" "$work/by-2"
  done
}

for part in ${*:-bits kills encode}; do "$part"; done
exit "$wrong"
