#!/usr/bin/env bash
# Measures data-parallel training on one machine of two processors: two ranks of one thread against one rank of two
# threads, which compute the same images per step and end with the same weights. The two take turns, ROUNDS times. From the
# repository's root, on a machine that does nothing else:
#   bash docs/scaling.sh >> docs/results/scaling.jsonl
# The step is that of recipes/sd-vae.yaml (with its discriminator) but for LPIPS, whose weights are not here, and for the transforms: a
# rank whose images are scaled down is done earlier, and waits. MORE='objective.equivariance_probability=0.5
# objective.low_resolution_prior_probability=0.25' measures that, too. SIDE, BATCH,
# STEPS, ROUNDS and MORE (settings, such as MORE='model.ch=32') choose another size; MPI=1 starts the ranks by mpirun,
# else they meet over TCP; BUCKET is EQVAE_RANKS_BUCKET; EQVAE=path/to/eqvae runs another build.
# CLASSES (default: the build's) is the class path with which docs/AllReduceSpeed.java measures the sum of 32 MiB alone, by two
# ranks in several sizes of bucket; those lines come first.
# Then there is a line for each run: images per second (the median of its steps but for the first two, which Java still compiles), and for ranks what gradients
# took; a line with both medians and their ratio; and what a profile of two ranks says of the gradients.
set -euo pipefail
eqvae=${EQVAE:-./eqvae} SIDE=${SIDE:-256} BATCH=${BATCH:-1} STEPS=${STEPS:-4} ROUNDS=${ROUNDS:-2} MORE=${MORE:-} MPI=${MPI:-}
BUCKET=${BUCKET:-4194304}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export EQVAE_RANKS_BUCKET=$BUCKET
python3 - "$dir/pictures" "$SIDE" <<'PY'
import os, random, struct, sys, zlib
folder, side = sys.argv[1], int(sys.argv[2])
os.makedirs(folder)
random.seed(0)
for n in range(16):  # noise: what is in a picture does not change how long a step takes
    rows = b"".join(b"\0" + bytes(random.randrange(256) for _ in range(3 * side)) for _ in range(side))
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with open(f"{folder}/{n}.png", "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
                  + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
PY
java=$(ls -d "${JAVA_HOME:-/nonexistent}/bin/java" /usr/lib/jvm/*25*/bin/java 2>/dev/null | head -1 || true)
CLASSES=${CLASSES:-java/target/classes:$(cat java/target/classpath.txt 2>/dev/null || true)}
for bytes in 65536 1048576 4194304 33554432; do
  for r in 1 0; do
    RANK=$r WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=${PORT:-29517} EQVAE_TOKEN=scaling EQVAE_RANKS_BUCKET=$bytes "$java" \
      --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC -cp "$CLASSES" docs/AllReduceSpeed.java 8388608 20 &
  done
  wait
done
train() { # RANKS THREADS OUT
  local ranks=$1 threads=$2 out=$3 r arguments launcher=()
  rm -rf "$out"
  arguments=(train sd-vae --device cpu --out "$out" --steps "$STEPS" --set data.path="$dir/pictures"
    --set data.resolution="$SIDE" --set data.crop=center --set data.validation=1 --set data.workers=1 --set run.threads="$threads"
    --set run.batch_size="$BATCH" --set optimizer.accumulate="$((2 / ranks))" --set objective.perceptual_weight=0
    --set objective.lpips_weights=null --set objective.equivariance_probability=0
    --set objective.low_resolution_prior_probability=0 --set run.log_every=1 --set run.save_every=0 --set run.validate_every=0
    --set run.sample_every=0 --set evaluation.images=1 --set evaluation.batch=1)
  for r in $MORE; do arguments+=(--set "$r"); done
  if [ "$ranks" = 1 ]; then
    "$eqvae" "${arguments[@]}" >"$dir/log" 2>&1 || { tail -5 "$dir/log" >&2; exit 1; }
  elif [ -n "$MPI" ]; then
    [ "$(id -u)" = 0 ] && launcher=(--allow-run-as-root)
    mpirun -n "$ranks" --bind-to none --oversubscribe "${launcher[@]}" "$eqvae" "${arguments[@]}" >"$dir/log" 2>&1 ||
      { tail -5 "$dir/log" >&2; exit 1; }
  else
    export MASTER_ADDR=127.0.0.1 MASTER_PORT=${PORT:-29517} EQVAE_TOKEN=scaling WORLD_SIZE=$ranks LOCAL_WORLD_SIZE=$ranks
    for ((r = ranks - 1; r > 0; r--)); do RANK=$r "$eqvae" "${arguments[@]}" >/dev/null 2>&1 & done
    RANK=0 "$eqvae" "${arguments[@]}" >"$dir/log" 2>&1 || { tail -5 "$dir/log" >&2; exit 1; }
    wait
    unset MASTER_ADDR MASTER_PORT EQVAE_TOKEN WORLD_SIZE LOCAL_WORLD_SIZE
  fi
}
show() { # RANKS THREADS OUT
  local ranks=$1 threads=$2 out=$3
  python3 - "$out" "$ranks" "$threads" "$STEPS" "$BUCKET" "$BATCH" "$SIDE" "$MORE" "${MPI:+mpi}" <<'PY'
import json, statistics, sys
out, ranks, threads, steps, bucket, batch, side, more, mpi = sys.argv[1:]
lines = [json.loads(line) for line in open(f"{out}/metrics.jsonl")]
speed = [l["images_per_second"] for l in lines if "images_per_second" in l][2:]
line = {"run": "scaling", "ranks": int(ranks), "threads": int(threads), "batch": int(batch), "side": int(side), "more": more,
        "steps": int(steps), "images_per_second": round(statistics.median(speed), 5), "all": [round(s, 5) for s in speed]}
end = [l for l in lines if "gradient_seconds" in l]
if end:
    line |= {"transport": mpi or "tcp", "bucket_bytes": int(bucket), "bytes_sent_per_step": end[-1]["gradient_bytes_sent"] / int(steps),
             "gradient_seconds_per_step": round(end[-1]["gradient_seconds"] / int(steps), 5),
             "hidden": round(end[-1]["gradient_seconds_hidden"] / max(end[-1]["gradient_seconds"], 1e-9), 4)}
print(json.dumps(line))
PY
}
for ((round = 0; round < ROUNDS; round++)); do
  for ranks in 1 2; do
    train "$ranks" "$((2 / ranks))" "$dir/run"
    show "$ranks" "$((2 / ranks))" "$dir/run" | tee -a "$dir/lines"
  done
done
python3 - "$dir/lines" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" "$(nproc)" "$(git rev-parse --short=8 HEAD)" <<'PY'
import json, statistics, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
one, two = ([l["images_per_second"] for l in lines if l["ranks"] == r] for r in (1, 2))
print(json.dumps({"run": "scaling", "commit": sys.argv[4], "processor": sys.argv[2], "cores": int(sys.argv[3]), "rounds": len(one),
                  "one_rank": statistics.median(one), "two_ranks": statistics.median(two),
                  "ratio": round(statistics.median(two) / statistics.median(one), 4)}))
PY
STEPS=2 SIDE=$((SIDE / 2)) EQV_PROFILE=1 train 2 1 "$dir/run"
printf '{"run": "profile", "ranks": 2, "steps": 2, "text": "%s"}\n' "$(grep '^gradients: ' "$dir/log")"
