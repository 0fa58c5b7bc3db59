#!/usr/bin/env bash
# Records the results of the small generators on the latents of the demo's EQ autoencoder:
#   bash docs/record-generators.sh [FOLDER]      FOLDER keeps runs and samples; else they are removed
# Runs and samples that are already in FOLDER are not made again, so a recording may be interrupted.
# Each network as trained, the same network as it starts, and real pictures with their pixels shuffled are compared with
# the real ones by the features of a small classifier. Run no other programs meanwhile: it takes half an hour on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-}
if [ -z "$runs" ]; then
  runs=$(mktemp -d)
  trap 'rm -rf "$runs"' EXIT
fi
mkdir -p "$runs"
pictures=data/fashion-mnist/t10k-images-idx3-ubyte.gz
count=5000

measure() { # samples, record
  ./eqvae evaluate "$1" --reference "$pictures" --classifier "$runs/classifier/model.safetensors" --json "$runs/$2.json"
  # A record has no paths of this machine.
  sed "s|$runs/||g" "$runs/$2.json" >"docs/results/generators-$2.json"
}

train() { # recipe, folder, settings
  [ -f "$2/model.safetensors" ] || ./eqvae train "$1" --out "$2" "${@:3}"
}

[ -f "$runs/demo/report.html" ] || ./eqvae demo --out "$runs/demo"
./eqvae encode "$runs/demo/eq" "$pictures" "$runs/latents" --posterior moments --crop pad --hflip
train classifier-fashion-mnist "$runs/classifier"
java docs/ShuffledPixels.java "$pictures" "$runs/shuffled.gz"
measure "$runs/shuffled.gz" shuffled
for kind in sit dit; do
  # 50 calls of the network for both, and with guidance as many more.
  sampler=$([ $kind = dit ] && echo ddim || echo euler)
  train "$kind-small" "$runs/$kind" --set data.path="$runs/latents"
  ./eqvae sample "$runs/$kind" --count "$count" --sampler "$sampler" --steps 50 --guidance 2 --out "$runs/$kind.npz" \
    --grid "docs/images/$kind-small.png"
  measure "$runs/$kind.npz" "$kind"
  # One step that is too small to change a weight: the network as it starts.
  train "$kind-small" "$runs/$kind-start" --set data.path="$runs/latents" \
    --set run.steps=1 --set optimizer.learning_rate=1e-12 --set optimizer.warmup_steps=0
  ./eqvae sample "$runs/$kind-start" --count "$count" --sampler "$sampler" --steps 50 --out "$runs/$kind-start.npz"
  measure "$runs/$kind-start.npz" "$kind-start"
done
# DiT as published predicts the noise, with the linear schedule.
train dit-small "$runs/dit-epsilon" --set data.path="$runs/latents" \
  --set diffusion.prediction=epsilon --set diffusion.schedule=linear
./eqvae sample "$runs/dit-epsilon" --count "$count" --sampler ddim --steps 50 --guidance 2 --out "$runs/dit-epsilon.npz"
measure "$runs/dit-epsilon.npz" dit-epsilon
mvn -q -pl java verify -Dtest=RecordedTablesTest -Dsurefire.failIfNoSpecifiedTests=false -Deqvae.tables.write=true
git --no-pager diff --stat -- README.md docs
