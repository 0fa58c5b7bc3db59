#!/usr/bin/env bash
# native/build.sh FOLDER ONEDNN TARGET [GPUS]: configures and builds the native half with CMake. Maven and ./eqvae call this.
# GPUS: architectures to build the CUDA library for, as CMake writes them ("80;90a-real"). Default: those of the last build, or all.
# Those of the last build also stay if they are more.
set -eu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
folder=$1 onednn=$2 target=$3 gpus=${4:-}

# CMake refuses a build folder that was made for another path. If the clone was copied or moved, the folder is built again.
cache="$folder/CMakeCache.txt"
if [ -f "$cache" ]; then
  made_for=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$cache")
  made_in=$(sed -n 's/^CMAKE_CACHEFILE_DIR:INTERNAL=//p' "$cache")
  mkdir -p "$folder"
  if [ "$made_for" != "$root" ] || [ "$made_in" != "$(cd "$folder" && pwd -P)" ]; then
    printf 'eqvae: this clone was built in %s before; its native code is built anew\n' "${made_for:-another folder}"
    rm -rf "$folder"
  fi
fi

# Code for more GPUs than are asked for stays: with other flags all CUDA objects would be compiled again.
if [ -n "$gpus" ] && [ -f "$cache" ]; then
  built=$(sed -n 's/^EQV_CUDA_ARCHITECTURES:STRING=//p' "$cache")
  covered=yes
  for gpu in ${gpus//;/ }; do
    case ";$built;" in *";$gpu;"*) ;; *) covered=no ;; esac
  done
  [ "$covered" = no ] || gpus=$built
fi

mkdir -p "$folder"
cmake -S "$root" -B "$(cd "$folder" && pwd -P)" -DCMAKE_BUILD_TYPE=Release -DONEDNN_ROOT="$onednn" \
  ${gpus:+"-DEQV_CUDA_ARCHITECTURES=$gpus"}
jobs=$(nproc 2>/dev/null || echo 2)
cmake --build "$folder" --parallel "$jobs" --target "$target"

# If sources are newer than the CUDA library and this target did not rebuild it, delete it: the jar must not contain an old one.
cuda="$folder/lib/libeqv_cuda.so"
if [ -f "$cuda" ] && [ -n "$(find "$root/native" "$root/kernels" "$root/CMakeLists.txt" -newer "$cuda" -type f -print -quit)" ]; then
  rm "$cuda"
fi

# Hashes and sizes of the libraries in the jar. A cached copy is compared with them before it is loaded.
cd "$folder/lib"
for file in libeqv_cpu.so libeqv_null.so libeqv_cuda.so libeqv_mpi.so libdnnl.so.3 libgomp.so.1; do
  [ -f "$file" ] && printf '%s  %s  %s\n' "$(sha256sum <"$file" | cut -d' ' -f1)" "$(wc -c <"$file" | tr -d ' ')" "$file"
done >SHA256SUMS.new || true
if cmp -s SHA256SUMS.new SHA256SUMS; then rm SHA256SUMS.new; else mv SHA256SUMS.new SHA256SUMS; fi
