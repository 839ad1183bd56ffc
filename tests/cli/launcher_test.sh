#!/usr/bin/env bash
# What the launcher does before and around Java. Needs a built project (`mvn verify`, or one run of
# ./jangle); takes seconds.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
  printf 'FAILED: %s\n' "$1" >&2
  exit 1
}

# check NAME EXPECTED-CODE EXPECTED-TEXT COMMAND...: the exit code, and words of stdout and stderr.
check() {
  local name=$1 code=$2 text=$3 found=0 output
  shift 3
  output=$("$@" 2>&1) || found=$?
  if [ "$found" != "$code" ] || [[ "$output" != *"$text"* ]]; then
    fail "$name: exit code $found, expected $code and \"$text\"; output:
$output"
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

check "letters in an ASCII locale" 1 "no model été" env LC_ALL=C "$root/jangle" info -m été
check "no HOME" 0 "jangle" env -u HOME "$root/jangle" --version

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

# A tree of nothing but names, and stand-ins: a JDK that tells how it was called; a Maven that takes its
# time, saves a source meanwhile where `save` is there, as an editor might, and fails where `broken` is.
tree=$scratch/tree
mkdir -p "$tree"/{java/cli/src,cpu-kernels,cuda-kernels,native-build} "$scratch"/{jdk,bin}
sed "s|/dev/nvidiactl|$scratch/gpu|; s|/dev/dxg|/nowhere|" "$root/jangle" >"$tree/jangle"
chmod +x "$tree/jangle"
touch "$tree"/{pom.xml,CMakeLists.txt,java/cli/src/Main.java}
printf 'JAVA_VERSION="25"\n' >"$scratch/jdk/release"

# standin FILE SCRIPT
standin() {
  mkdir -p "$(dirname "$1")"
  printf '#!/usr/bin/env bash\n%s\n' "$2" >"$1"
  chmod +x "$1"
}
standin "$scratch/jdk/bin/java" 'echo "java $* ENGINE_CACHE_DIR=${ENGINE_CACHE_DIR:-}"'
standin "$scratch/jdk/bin/javac" ''
standin "$scratch/bin/cmake" ''
standin "$scratch/bin/g++" ''
standin "$scratch/bin/mvn" '
  echo "begun JAVA_HOME=$JAVA_HOME $*" >>build/maven
  sleep "${MAVEN_SECONDS:-0.1}" &
  echo $! >build/compiler
  wait
  if [ -e save ]; then rm save && touch java/cli/src/Main.java; fi
  if [ -e broken ]; then echo "it does not compile" && exit 1; fi
  mkdir -p java/cli/target/lib
  touch java/cli/target/jangle-cli-0.jar'
unset JANGLE_HOME ENGINE_CACHE_DIR
launch=(env PATH="$scratch/bin:$PATH" JANGLE_JAVA_HOME="$scratch/jdk" "$tree/jangle")

# builds NAME COUNT: how often Maven has begun.
builds() {
  local count
  count=$(grep -c '^begun' "$tree/build/maven")
  [ "$count" = "$2" ] || fail "$1: $count builds, expected $2"
  printf 'ok: %s\n' "$1"
}

"${launch[@]}" first >"$scratch/first" 2>&1 &
check "a second run" 0 "Main second" "${launch[@]}" second
wait $!
[[ $(<"$scratch/first") == *"Main first"* ]] || fail "the first of two runs: $(<"$scratch/first")"
builds "two first runs build once" 1
[[ $(<"$tree/build/maven") == *"JAVA_HOME=$scratch/jdk "* ]] || fail "Maven's JDK: $(<"$tree/build/maven")"
echo "ok: Maven gets the JDK that was found"

sleep 0.1 # a file's time is that of the last tick of the clock
touch "$tree/pom.xml" "$tree/save"
check "a changed source" 0 "building" "${launch[@]}"
check "a source saved during the build" 0 "building" "${launch[@]}"
"${launch[@]}" >/dev/null
builds "each is built once" 3

touch "$scratch/gpu"
check "a GPU appears" 0 "building" "${launch[@]}"
[[ $(tail -n 1 "$tree/build/maven") == *-Dnative.cuda=AUTO* ]] || fail "no CUDA: $(<"$tree/build/maven")"
rm "$scratch/gpu"
"${launch[@]}" >/dev/null
builds "a GPU that goes takes nothing away" 4

sleep 0.1
touch "$tree/pom.xml" "$tree/broken"
check "a build that fails shows its log" 1 "it does not compile" "${launch[@]}"
rm "$tree/broken" "$tree/build/compiler"
MAVEN_SECONDS=60 "${launch[@]}" >/dev/null 2>&1 &
until [ -s "$tree/build/compiler" ]; do sleep 0.1; done
kill $!
code=0
wait $! || code=$?
[ $code = 130 ] || fail "exit code $code of an interrupted build"
compiler=$(<"$tree/build/compiler")
for ((tries = 0; tries < 20; tries++)); do kill -0 "$compiler" 2>/dev/null && sleep 0.1 || break; done
if kill "$compiler" 2>/dev/null; then fail "an interrupted build leaves a process behind"; fi
echo "ok: an interrupted build ends whole"
check "and begins again" 0 "building" "${launch[@]}"

for words in "-Djangle.native.cache=$scratch/home/native" "ENGINE_CACHE_DIR=$scratch/home/native"; do
  check "JANGLE_HOME is for native libraries too" 0 "$words" env -C "$scratch" JANGLE_HOME=home "${launch[@]}"
done
check "and leaves ENGINE_CACHE_DIR alone" 0 "ENGINE_CACHE_DIR=/else" \
  env JANGLE_HOME=/home ENGINE_CACHE_DIR=/else "${launch[@]}"
