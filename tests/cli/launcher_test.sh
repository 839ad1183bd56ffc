#!/usr/bin/env bash
# What the launcher does before and around Java. Needs a built project (`mvn verify`, or one run of
# ./jangle); takes seconds.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# check NAME EXPECTED-CODE EXPECTED-TEXT COMMAND...: the exit code, and words of stdout and stderr.
check() {
  local name=$1 code=$2 text=$3 found=0 output
  shift 3
  output=$("$@" 2>&1) || found=$?
  if [ "$found" != "$code" ] || [[ "$output" != *"$text"* ]]; then
    printf 'FAILED: %s: exit code %s, expected %s and "%s"; output:\n%s\n' \
      "$name" "$found" "$code" "$text" "$output" >&2
    exit 1
  fi
  printf 'ok: %s\n' "$name"
}

"$root/jangle" --version >/dev/null # builds, where that is due

check "the version" 0 "jangle" "$root/jangle" --version
check "a wrong option is code 2" 2 "--no-such-option" "$root/jangle" --no-such-option
check "a model that is not there" 1 "no model nowhere" "$root/jangle" info -m nowhere
check "arguments keep their spaces" 1 "no model a  b c" "$root/jangle" info -m "a  b c"
check "another working directory" 0 "jangle" env -C "$scratch" "$root/jangle" --version
ln -s "$root/jangle" "$scratch/link to jangle"
check "a link with a space" 0 "jangle" "$scratch/link to jangle" --version

# A copy of the launcher with nothing around it, and a machine with an old JDK only.
mkdir -p "$scratch/bare" "$scratch/old/bin"
cp "$root/jangle" "$scratch/bare/jangle"
sed -i 's|/usr/lib/jvm/\*|/nowhere/*|; s|/opt/\*|/nowhere/*|' "$scratch/bare/jangle"
printf 'JAVA_VERSION="17.0.1"\n' >"$scratch/old/release"
printf '#!/bin/sh\n' >"$scratch/old/bin/java"
cp "$scratch/old/bin/java" "$scratch/old/bin/javac"
chmod +x "$scratch/old/bin/java" "$scratch/old/bin/javac"
check "no JDK 25 is told" 1 "no JDK 25 found" \
  env -i HOME="$scratch" JAVA_HOME="$scratch/old" PATH="$scratch/old/bin:/usr/bin:/bin" \
  "$scratch/bare/jangle" --version
