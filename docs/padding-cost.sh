#!/usr/bin/env bash
# Measures the cost of model.padding_mode: processor seconds of short trainings of a small autoencoder, the three modes in
# turn, ROUNDS times, minus the seconds of the same training of one step. Processor time depends little on the load of other
# programs. Prints a line of JSON for each mode: the median, and all rounds. Run it from the repository's root:
#   bash docs/padding-cost.sh > padding-cost.jsonl      (EQVAE=path/to/eqvae runs another build)
set -euo pipefail
eqvae=${EQVAE:-./eqvae} ROUNDS=${ROUNDS:-3} STEPS=${STEPS:-30}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
seconds() { # MODE STEPS: user and system time of a training
  rm -rf "$dir/run"
  TIMEFORMAT='%U %S'
  { time "$eqvae" train --quiet demo --device cpu --set run.threads=1 --set run.log_every=100 \
    --set data.validation=32 --set evaluation.images=8 --set evaluation.batch=8 --set optimizer.warmup_steps=1 --set data.path="$PWD/data/fashion-mnist/t10k-images-idx3-ubyte.gz" \
    --set model.padding_mode="$1" \
    --steps "$2" --set run.save_every=0 --set run.validate_every=0 --set run.sample_every=0 \
    --out "$dir/run" > /dev/null 2> "$dir/err" || { cat "$dir/err" >&2; exit 1; }; } 2>&1 | awk '{print $1 + $2}'
}
modes=(zeros reflect replicate)
for ((r = 0; r < ROUNDS; r++)); do
  for m in "${modes[@]}"; do
    long=$(seconds "$m" "$((STEPS + 1))")
    short=$(seconds "$m" 1)
    awk -v a="$long" -v b="$short" -v n="$STEPS" 'BEGIN { print (a - b) / n }' >> "$dir/$m"
  done
done
base=$(sort -g "$dir/zeros" | sed -n "$((ROUNDS / 2 + 1))p")
for m in "${modes[@]}"; do
  median=$(sort -g "$dir/$m" | sed -n "$((ROUNDS / 2 + 1))p")
  awk -v m="$m" -v v="$median" -v z="$base" -v all="$(paste -sd, "$dir/$m")" -v n="$STEPS" \
    'BEGIN { printf "{\"padding_mode\": \"%s\", \"steps\": %d, \"cpu_seconds_per_step\": %.4f, \"of_zeros\": %.3f, \"rounds\": [%s]}\n", m, n, v, v / z, all }'
done
