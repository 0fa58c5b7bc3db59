#!/usr/bin/env bash
# Records whether generators learn EQ latents faster than plain ones, and makes the tables and the picture of docs/experiment.md:
#   bash docs/record-experiment.sh FOLDER [SEEDS [STEPS]]
# FOLDER keeps the runs; SEEDS: how many, 3; STEPS: of each generator but MaskGIT, 6000.
# Runs that are already in FOLDER are not made again, so a recording may be interrupted, and generators with fewer steps go on
# where they ended; each record is written as soon as it is complete. Each model's settings are below; nothing else differs
# between plain and EQ.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:?name a folder that keeps the runs}
seeds=${2:-3}
steps=${3:-6000}

# Sixteen by sixteen latents of four channels. The transform in half as many samples as released: such small models have little
# capacity to spare.
autoencoder=(model.z_channels=4 model.embed_dim=4 objective.equivariance_probability=0.25
  objective.low_resolution_prior_probability=0.25)
# A constant rate: where it falls to 0 at the last step, all curves flatten there together, however far they are.
generator=(optimizer.schedule=warmup)
# A step of MaskGIT takes four times as long.
maskgit_steps=3000

each() { # option, values: each value after the option
  local option=$1
  shift
  for value in "$@"; do printf '%s\n%s\n' "$option" "$value"; done
}

record() { # name, kinds, steps, seed
  mapfile -t settings < <(each --autoencoder-set "${autoencoder[@]}"; each --set "${generator[@]}")
  ./eqvae demo generators --kinds "$2" --seed "$4" --steps "$3" --out "$runs/seed-$4" "${settings[@]}"
  # A record has no paths of this machine.
  sed "s|$runs/||g" "$runs/seed-$4/result.json" >"docs/results/$1-seed-$4.json"
}

# What it needs to train, or to continue if it was interrupted.
train() { # folder, recipe, settings
  if [ -d "$1/checkpoints" ]; then
    ./eqvae train --resume "$1"
  else
    ./eqvae train "$2" --out "$1" "${@:3}"
  fi
}

# An autoencoder with other terms, and a DiT on its latents; appends a line to the record. No row has the branch with low resolution.
row() { # name, settings
  local at="$runs/ablation/${1// /-}"
  local pictures=data/fashion-mnist/t10k-images-idx3-ubyte.gz
  local classifiers="$runs/seed-0/classifier-1/model.safetensors, $runs/seed-0/classifier-2/model.safetensors"
  mapfile -t settings < <(each --set "${autoencoder[@]}" objective.low_resolution_prior_probability=0 "${@:2}")
  [ -f "$at/vae/evaluation.json" ] || train "$at/vae" demo "${settings[@]}"
  ./eqvae encode "$at/vae" "$pictures" "$at/latents" --posterior moments --crop pad --hflip
  mapfile -t settings < <(each --set "data.path=$at/latents" model.channels=4 run.steps=1500 "distance.reference=$pictures" \
    "distance.classifiers=[$classifiers]" "${generator[@]}")
  [ -f "$at/dit/evaluation.json" ] || train "$at/dit" dit-small "${settings[@]}"
  printf '{"what": "%s", "settings": "%s", "command": "bash docs/record-experiment.sh FOLDER", "autoencoder": %s, "generator": %s, "validations": [%s]}\n' \
    "$1" "${*:2}" "$(tr -d '\n' <"$at/vae/evaluation.json")" "$(tr -d '\n' <"$at/dit/evaluation.json")" \
    "$(grep '"validation"' "$at/dit/metrics.jsonl" | paste -sd,)" |
    sed "s|$runs/||g" >>docs/results/ablation-seed-0.jsonl
}

for ((seed = 0; seed < seeds; seed++)); do
  record experiment-maskgit maskgit "$maskgit_steps" "$seed"
  record experiment dit,sit,repa "$steps" "$seed"
done
rm -f docs/results/ablation-seed-0.jsonl
half=objective.equivariance_probability=0.5
row plain objective.equivariance_probability=0
row "rotation only" $half objective.scaling=none
row "scale only" $half "objective.rotations=[0]"
row "both 0.3" objective.equivariance_probability=0.3
row "both 0.5" $half
row "both 0.7" objective.equivariance_probability=0.7
row "explicit" $half objective.regularizer=explicit
row "explicit with stop-gradient" $half objective.regularizer=explicit objective.explicit_stop_gradient=true

# How much an error in the latents shows in the decoded pictures. (java must be a JDK 25, or JAVA_HOME name one.)
rm -f docs/results/noise-decoders.jsonl
for ((seed = 0; seed < seeds; seed++)); do
  for model in plain eq; do
    "${JAVA_HOME:+$JAVA_HOME/bin/}java" --enable-native-access=ALL-UNNAMED -cp "java/target/classes:$(cat java/target/classpath.txt)" \
      docs/DecoderNoise.java "$runs/seed-$seed/autoencoders/$model" data/fashion-mnist/t10k-images-idx3-ubyte.gz |
      sed "s|$runs/||g" >>docs/results/noise-decoders.jsonl
  done
done
mvn -q -pl java verify -Dtest='RecordedTablesTest,RecordedPicturesTest' -Dsurefire.failIfNoSpecifiedTests=false -Deqvae.tables.write=true
git --no-pager diff --stat -- README.md docs
