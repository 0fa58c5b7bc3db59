#!/usr/bin/env bash
# Records the demo anew on this machine and makes the tables of README.md and docs/demo.md of it:
#   bash docs/record-demo.sh            three seeds, then the tables
#   bash docs/record-demo.sh --tables   the tables alone
# Let nothing else run meanwhile: each record says how much of the machine other programs took.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" != --tables ]; then
  runs=$(mktemp -d)
  for seed in 0 1 2; do
    ./eqvae demo --seed "$seed" --out "$runs/$seed"
    cp "$runs/$seed/result.json" "docs/results/demo-seed-$seed.json"
  done
  # The command that is recorded is the one to repeat it with.
  sed -i "s| --out $runs/[0-9]||" docs/results/demo-seed-*.json
  rm -rf "$runs"
fi
mvn -q -pl java verify -Dtest=RecordedTablesTest -Dsurefire.failIfNoSpecifiedTests=false -Deqvae.tables.write=true
git --no-pager diff --stat -- README.md docs
