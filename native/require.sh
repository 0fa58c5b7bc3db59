#!/usr/bin/env bash
# native/require.sh TOOL…: prints one line for each missing build tool, with the command that installs it; then exits with 1.
missing=0
for tool in "$@"; do
  command -v "$tool" >/dev/null 2>&1 && continue
  package=$tool
  [ "$tool" = mvn ] && package=maven
  printf 'eqvae: %s is missing and needed for the build. On Debian or Ubuntu: sudo apt-get install %s\n' "$tool" "$package" >&2
  missing=1
done
exit $missing
