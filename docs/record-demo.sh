#!/usr/bin/env bash
# Records the demo again on this machine, and makes the tables of README.md and docs/demo.md from the records:
#   bash docs/record-demo.sh            three seeds, then the tables
#   bash docs/record-demo.sh --avx2     seed 0 as on a processor without AVX-512, then the tables
#   bash docs/record-demo.sh --tables   the tables alone
# Run no other programs meanwhile: each record says how much of the machine other programs took.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
--tables) ;;
--avx2)
  # Our own code without AVX-512, built in a folder of its own, and oneDNN told not to use it.
  ./eqvae doctor >/dev/null
  runs=$(mktemp -d)
  onednn=$(sed -n 's/^ONEDNN_ROOT:PATH=//p' java/target/native/CMakeCache.txt)
  cmake -S . -B "$runs/build" -DCMAKE_BUILD_TYPE=Release -DEQV_AVX512=OFF -DONEDNN_ROOT="$onednn" >/dev/null
  cmake --build "$runs/build" --parallel 2 --target app >/dev/null
  cp java/target/native/lib/libdnnl.so.3 java/target/native/lib/libgomp.so.1 "$runs/build/lib/"
  ONEDNN_MAX_CPU_ISA=AVX2 EQVAE_NATIVE_DIR="$runs/build/lib" ./eqvae demo --seed 0 --out "$runs/0"
  cp "$runs/0/result.json" docs/results/demo-avx2-seed-0.json
  sed -i 's|"command" : .*|"command" : "bash docs/record-demo.sh --avx2",|' docs/results/demo-avx2-seed-0.json
  rm -rf "$runs"
  ;;
*)
  runs=$(mktemp -d)
  for seed in 0 1 2; do
    ./eqvae demo --seed "$seed" --out "$runs/$seed"
    cp "$runs/$seed/result.json" "docs/results/demo-seed-$seed.json"
  done
  # The record has the command that repeats it.
  sed -i "s| --out $runs/[0-9]||" docs/results/demo-seed-*.json
  rm -rf "$runs"
  ;;
esac
mvn -q -pl java verify -Dtest=RecordedTablesTest -Dsurefire.failIfNoSpecifiedTests=false -Deqvae.tables.write=true
git --no-pager diff --stat -- README.md docs
