#!/usr/bin/env bash
# native-build/bundle and native-build/sanitizer without a GPU: a bundle of this build runs whole on the
# emulation; and with stand-ins for the driver, compute-sanitizer, Java and the native tests, what fails
# and what hangs is reported and keeps nothing else from running. Needs what `mvn verify` builds; takes
# about a minute.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
  printf 'FAILED: %s\n' "$1" >&2
  [ -z "${2:-}" ] || cat "$2" >&2
  exit 1
}

# run EXPECTED-CODE OUT COMMAND...: runs it, and sets `report` to the last report in OUT.
run() {
  local expected=$1 out=$2 code=0
  shift 2
  "$@" --out "$out" >"$scratch/output" 2>&1 || code=$?
  report=$(printf '%s\n' "$out"/*.md | tail -n 1)
  [ "$code" = "$expected" ] || fail "exit code $code, expected $expected: $*" "$scratch/output"
  if grep -qF -e "$scratch" -e "$(hostname)" "$report"; then
    fail "the report tells more of the machine than its device and driver" "$report"
  fi
}

# has TEXT...: the report has lines that begin so.
has() {
  local text
  for text in "$@"; do
    grep -qF -- "$text" "$report" || fail "the report lacks \"$text\"" "$report"
  done
  printf 'ok: %s\n' "$@"
}

# A script that takes the place of a program.
standin() {
  mkdir -p "$(dirname "$1")"
  printf '#!/usr/bin/env bash\n%s\n' "$2" >"$1"
  chmod +x "$1"
}

# A bundle that is copied over another is the one that runs; and reports of one day stand side by side.
small=$scratch/small
standin "$scratch/packed/runtime/bin/java" 'exit 1'
standin "$scratch/packed/tests/native/emulation_test" 'exit 1'
mkdir "$small"
cp "$root/native-build/bundle/run.sh" "$small"
for version in one two; do
  printf 'version %s' $version >"$scratch/packed/version.txt"
  tar -cJf "$small/content.tar.xz.00" -C "$scratch/packed" .
  run 1 "$scratch/$version" "$small/run.sh" --emulated --quick
  has "version $version."
done
sleep 1 # the name has seconds
run 1 "$scratch/two" "$small/run.sh" --emulated --quick
[ "$(find "$scratch/two" -name '*.md' | wc -l)" = 2 ] || fail "the second report replaced the first"

if [ ! -e "$root/build/default/lib/libjangle_cuda.so" ]; then
  echo "skipped: this build has no CUDA library to make a bundle of"
  exit 0
fi

bundle=$scratch/bundle
XZ_OPT=-0 "$root/native-build/bundle/make.sh" --built "$bundle" || fail "make.sh"
[ -z "$(find "$bundle" -size +16M)" ] || fail "a file of the bundle has more than 16 MiB"
run 0 "$scratch/emulated" "$bundle/run.sh" --emulated --quick --minutes 20
has "# emulation, 20" "| mma | passed |" "| native-swiglu | passed |" "| java-backend | passed |" \
  "| bench-tiny-paper | passed |" "| kernels | passed |" "| sanitizers | skipped |" "identical"
for figures in kernels.json kernels.svg; do
  [ -s "${report%.md}/$figures" ] || fail "no $figures"
done

# The same run.sh among stand-ins; timeout's own ends everything after two seconds.
bin=$scratch/bin
native=$bundle/content/tests/native
rm -r "$native" "$bundle/content/runtime"
pass='echo "7 passed, 0 failed, 0 skipped, 99 checks"'
for test in mma kv_append swiglu host_batch host_memory; do standin "$native/${test}_test_cuda" "$pass"; done
standin "$native/argmax_test_cuda" 'echo "$0 went wrong"; exit 1'
standin "$native/residual_test_cuda" 'echo begun; sleep 60'
standin "$bundle/content/runtime/bin/java" '
  case $* in
    *WeightsTest*) echo "[         3 tests successful      ]" ;;
    *ConsoleLauncher*) kill -SEGV $$ ;;
    *bench-kernels*) echo "{}" ;;
    *) echo "as it should be" ;;
  esac'
standin "$bin/timeout" 'exec /usr/bin/timeout --kill-after=1 2 "${@:3}"'
standin "$bin/nvidia-smi" 'echo "NVIDIA Stand-in 9, 999.1"'
standin "$bin/compute-sanitizer" '
  echo "========= COMPUTE-SANITIZER $*"
  case $* in *racecheck*swiglu*) echo "========= RACECHECK SUMMARY: 1 hazard displayed"; exit 86 ;; esac
  while [[ $1 == --* ]]; do shift 2; done
  exec "$@"'
cd "$scratch"
run 1 "$scratch/standins" env PATH="$bin:$PATH" "$bundle/run.sh" --quick
[[ $report == *-nvidia-stand-in-9.md ]] || fail "the report's name is $report"
has "Driver 999.1." "| native-argmax | FAILED |" "tests/native/argmax_test_cuda went wrong" "| native-residual | TIMEOUT |" \
  "| native-swiglu | passed |" "7 passed, 0 failed, 0 skipped, 99 checks |" \
  "| java-backend | FAILED |" "| java-model | passed |" "3 successful |" \
  "| bench-tiny-auto | passed |" "| bench-model-auto | skipped |" "| kernels | passed |" \
  "| memcheck-swiglu | passed |" "exit code 86; RACECHECK SUMMARY: 1 hazard displayed |"

# Surefire's java.
code=0
message=$(env -u JANGLE_JAVA_HOME "$root/native-build/sanitizer/bin/java" -version 2>&1) || code=$?
[ "$code" = 1 ] && [[ $message == *JANGLE_JAVA_HOME* ]] || fail "java without JANGLE_JAVA_HOME: $code, $message"
message=$(PATH="$bin:$PATH" JANGLE_JAVA_HOME=$bundle/content/runtime JANGLE_SANITIZER=initcheck \
  "$root/native-build/sanitizer/bin/java" -jar "a b.jar")
[[ $message == *"--tool initcheck"*"--log-file "*"/runtime/bin/java -jar a b.jar"*"as it should be" ]] ||
  fail "java under compute-sanitizer: $message"
echo "ok: Surefire's java"
