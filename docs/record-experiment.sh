#!/usr/bin/env bash
# Records whether generators learn EQ latents faster than plain ones, and makes the tables of docs/experiment.md:
#   bash docs/record-experiment.sh [FOLDER [SEEDS]]     FOLDER keeps runs; else they are removed. SEEDS: how many, 3
# Runs that are already in FOLDER are not made again, so a recording may be interrupted.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-}
seeds=${2:-3}
if [ -z "$runs" ]; then
  runs=$(mktemp -d)
  trap 'rm -rf "$runs"' EXIT
fi
for ((seed = 0; seed < seeds; seed++)); do
  ./eqvae demo generators --kinds sit,dit,repa,maskgit --seed "$seed" --out "$runs/seed-$seed"
  # A record has no paths of this machine.
  sed "s|$runs/||g" "$runs/seed-$seed/result.json" >"docs/results/experiment-seed-$seed.json"
done
mvn -q -pl java verify -Dtest=RecordedTablesTest -Dsurefire.failIfNoSpecifiedTests=false -Deqvae.tables.write=true
git --no-pager diff --stat -- README.md docs
