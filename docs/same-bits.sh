#!/usr/bin/env bash
# Hashes the results of short runs of every kind of recipe. A change that claims to change no
# maths proves it with this script, on one machine, before and after:
#   bash docs/same-bits.sh > before.txt      (EQVAE=path/to/eqvae runs another build)
#   bash docs/same-bits.sh > after.txt
#   diff before.txt after.txt
# Each line has two hashes: of the computed numbers, and of the texts about them (a change that adds a key to a
# log or a recipe changes only the second).
# Last bits depend on the processor, which the first line names.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
eqvae=${EQVAE:-$here/eqvae}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

common=(
  --set=data.path="$here/data/fashion-mnist/t10k-images-idx3-ubyte.gz"
  --set=data.validation=32 --set=evaluation.images=8 --set=evaluation.batch=8
  --set=model.ch=8 --set=model.norm_num_groups=4 --set=run.batch_size=4 --set=run.threads=1
  --set=run.log_every=1 --set=run.validate_every=4 --set=run.sample_every=4 --set=run.save_every=4
  --set=optimizer.warmup_steps=2
)
gan=(
  --set=objective.gan.enabled=true --set=objective.gan.disc_start=2
  --set=model.discriminator.ndf=8 --set=model.discriminator.n_layers=1
)

# The hash of a run's numbers: weights, moments, averages, samples.
numbers() {
  (
    cd "$1"
    # A generator's file names the folder of its autoencoder; its weights are in the checkpoints, too.
    models=$([ -e generator.json ] || echo model.safetensors)
    find $models model-best.safetensors held-out.txt samples checkpoints -type f \
      \( -name '*.safetensors' -o -name '*.txt' -o -name '*.png' -o -name '*.weights*' \
      -o -name '*.adam*' -o -name '*.ema*' -o -name '*.buffer*' \) 2>/dev/null |
      LC_ALL=C sort | xargs sha256sum
  ) | sha256sum | cut -c1-32
}

# The hash of its texts: the log, figures, the recipe. A new key changes only this one.
words() {
  (
    cd "$1"
    # Without times and the memory that it took.
    grep -v -e '"event":"resources"' -e '"event":"slow"' metrics.jsonl | sed -E 's/,"images_per_second":[^,}]*//; s/,"seconds":[^,}]*//'
    sed -E '/"(processor|detail|model)"/d' evaluation.json 2>/dev/null || true
    sed '/^  path:/d' recipe.yaml
  ) | sed "s|$work/||g" | sha256sum | cut -c1-32
}

show() { printf '%-22s %s %s\n' "$1" "$(numbers "$1")" "$(words "$1")"; }

train() {
  local name=$1 recipe=$2
  shift 2
  "$eqvae" train "$recipe" "${common[@]}" --steps=6 --out="$name" "$@" >/dev/null 2>"$name.err" ||
    { cat "$name.err" >&2; exit 1; }
  show "$name"
}

# Kinds other than autoencoders, which do not have the settings above.
other() {
  local name=$1 recipe=$2
  shift 2
  "$eqvae" train "$recipe" --set=data.validation=32 --set=run.batch_size=4 --set=run.threads=1 \
    --set=run.log_every=1 --set=run.validate_every=4 --set=run.save_every=4 --set=optimizer.warmup_steps=2 \
    --steps=6 --out="$name" "$@" >/dev/null 2>"$name.err" || { cat "$name.err" >&2; exit 1; }
  show "$name"
}

"$eqvae" doctor | sed -n 's/^ *\(cpu .*\)/\1/p' | head -1
train kl demo
train kl-plain demo --set=objective.equivariance_probability=0 \
  --set=objective.low_resolution_prior_probability=0
train kl-draw-batch demo --set=objective.draw=batch --set=optimizer.accumulate=2
train kl-gan demo "${gan[@]}" --set=objective.draw=batch
train kl-gan-shared demo "${gan[@]}" --set=objective.draw=batch \
  --set=objective.discriminator_forward=shared
train kl-adamw-no-average demo --set=optimizer.kind=adamw --set=optimizer.weight_decay=0.01 \
  --set=optimizer.gradient_clip=0.1 --set=run.ema_decay=null
train kl-best demo --set=run.best_metric=psnr
train vq demo --set=model.kind=vq --set=model.quantize.n_embed=24
train vq-gan demo --set=model.kind=vq --set=model.quantize.n_embed=24 "${gan[@]}" \
  --set=objective.draw=batch
train init-from demo --set=model.init_from=kl/model.safetensors
train freeze demo --set=model.freeze=encoder --set=model.init_from=kl/model.safetensors \
  --set=objective.equivariance_probability=0 --set=objective.low_resolution_prior_probability=0
train recompute demo --set=run.recompute=block
train overfit demo --overfit-batch
"$eqvae" train demo "${common[@]}" --steps=4 --out=resumed >/dev/null 2>&1
"$eqvae" train --resume resumed --steps=6 >/dev/null 2>&1
show resumed
"$eqvae" encode kl/model.safetensors "$here/data/fashion-mnist/t10k-images-idx3-ubyte.gz" latents \
  --posterior moments --crop pad --hflip >/dev/null 2>&1
generator=(--set=data.path=latents --set=run.sample_every=4 --set=samples.count=4 --set=samples.steps=2)
other dit dit-small "${generator[@]}" --set=diffusion.prediction=epsilon --set=diffusion.schedule=linear
other sit sit-small "${generator[@]}"
other lightningdit sit-small "${generator[@]}" --set=model.kind=lightningdit
"$eqvae" encode vq/model.safetensors "$here/data/fashion-mnist/t10k-images-idx3-ubyte.gz" codes --posterior codes \
  --crop pad >/dev/null 2>&1
other maskgit maskgit-small --set=data.path=codes --set=model.codes=24 --set=model.side=16 \
  --set=run.sample_every=4 --set=samples.count=4 --set=samples.steps=2
for kind in classifier classifier-vit; do
  other "$kind" "$kind-fashion-mnist" \
    --set=data.path="$here/data/fashion-mnist/t10k-images-idx3-ubyte.gz" \
    --set=data.labels="$here/data/fashion-mnist/t10k-labels-idx1-ubyte.gz"
done
"$eqvae" encode kl/model.safetensors "$here/data/fashion-mnist/t10k-images-idx3-ubyte.gz" featured \
  --posterior moments --crop pad --hflip --features classifier >/dev/null 2>&1
other repa repa-small "${generator[@]}" --set=data.path=featured
