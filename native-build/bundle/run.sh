#!/usr/bin/env bash
# Runs what needs a GPU, from a bundle of make.sh: no network, no compiler. Writes one report.
#
#   run.sh [--model FILE] [--out FOLDER] [--minutes N] [--quick] [--emulated]
#
#   --model FILE   a real model, which `jangle bench` then measures too
#   --out FOLDER   gets DATE-TIME-DEVICE.md, and a folder of that name with logs and figures (default: results)
#   --minutes N    end everything after so long (default: 8)
#   --quick        a part of the tests and of the measurements
#   --emulated     the emulation takes the GPU's place: shows that this script works, and nothing else
#
# First what tells most: whether mma.sync keeps its columns apart, the native tests, the Java suites;
# then, with the machine to themselves, the measurements; then compute-sanitizer over the tests.
# Every step is a process with a time limit and a log: whatever becomes of it, the next one begins. The
# report is written anew after each group of them. Exit code 1: a step failed or was ended.
set -uo pipefail

die() {
  printf 'run.sh: %s\n' "$1" >&2
  exit 2
}

model='' out=results minutes=8 quick='' emulated=''
while [ $# -gt 0 ]; do
  case $1 in
    --model | --out | --minutes)
      [ $# -gt 1 ] || die "$1 needs a value"
      printf -v "${1#--}" %s "$2"
      shift
      ;;
    --quick) quick=yes ;;
    --emulated) emulated=yes ;;
    *) die "unknown option $1; see the head of $0" ;;
  esac
  shift
done
[[ $minutes =~ ^[1-9][0-9]*$ ]] || die "--minutes $minutes: expected a whole number"
[ -z "$model" ] || [ -e "$model" ] || die "--model $model does not exist"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
content=$here/content
deadline=$((SECONDS + 60 * minutes))
parallel=$(($(nproc) < 12 ? $(nproc) : 12))

# Another bundle may have been copied over the one that was unpacked.
pieces=$(cat "$here"/content.tar.xz.* | sha256sum) || die "$here has no content.tar.xz.*"
if [ "$(cat "$content/pieces.sha256" 2>/dev/null)" != "$pieces" ]; then
  rm -rf "$content.part" && mkdir "$content.part" || die "cannot write in $here"
  if command -v xz >/dev/null; then
    cat "$here"/content.tar.xz.* | tar -xJ -C "$content.part"
  else
    cat "$here"/content.tar.xz.* | python3 -c \
      'import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode="r|xz").extractall(sys.argv[1])' \
      "$content.part"
  fi || die "the bundle cannot be unpacked: it needs tar with xz, or python3"
  printf '%s\n' "$pieces" >"$content.part/pieces.sha256"
  rm -rf "$content" && mv "$content.part" "$content" || die "cannot write in $here"
fi

# --- The device, and where the report goes.

if [ "$emulated" ]; then
  device=emulation driver=none
elif found=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null); then
  found=${found%%$'\n'*}
  device=${found%, *} driver=${found##*, }
else
  device="an unknown GPU"
  driver=$(sed -n 's/.*Kernel Module[^0-9]*\([0-9.]*\).*/\1/p' /proc/driver/nvidia/version 2>/dev/null)
fi
date=$(date -u +%F)
name=$date-$(date -u +%H%M%S)-$(tr -cs 'a-z0-9\n' - <<<"${device,,}")
mkdir -p "$out/$name" && out=$(cd "$out" && pwd) || die "--out $out cannot be written"
logs=$out/$name
work=$(mktemp -d)
mkdir "$work/results" "$work/pids"
trap 'rm -rf "$work"' EXIT
trap 'kill $(cat "$work"/pids/* 2>/dev/null) 2>/dev/null; report; exit 130' INT TERM

# --- Steps.

steps=()

# finish NAME RESULT SECONDS DETAIL
finish() {
  printf '%s\t%s\t%s\n' "$2" "$3" "$4" >"$work/results/$1"
  printf '%-8s %-28s %4s s  %s\n' "$2" "$1" "$3" "$4"
}

# skip NAME REASON
skip() {
  steps+=("$1")
  finish "$1" skipped 0 "$2"
}

# What a log says in the end: counts of the native tests, of JUnit's, of compute-sanitizer.
summary() {
  sed -nE 's/^([0-9]+ passed, .*)/\1/p
    s/^\[ *([0-9]+) tests (successful|failed|aborted|skipped) *\]$/\1 \2/p
    s/^=+ ((ERROR|RACECHECK) SUMMARY: .*)/\1/p' "$1" | paste -sd ';' | sed 's/;/; /g'
}

# perform NAME SECONDS COMMAND...
perform() {
  local step=$1 limit=$2 code=0 begun=$SECONDS result=passed detail left=$((deadline - SECONDS))
  shift 2
  if [ "$left" -lt 3 ]; then
    finish "$step" skipped 0 "no time was left"
    return
  fi
  [ "$limit" -le "$left" ] || limit=$left
  timeout --kill-after=5 "$limit" "$@" >"$logs/$step.log" 2>&1 </dev/null &
  echo $! >"$work/pids/$step"
  wait $! || code=$?
  rm -f "$work/pids/$step"
  detail=$(summary "$logs/$step.log")
  if [ $code -eq 124 ] || { [ $code -eq 137 ] && [ $((SECONDS - begun)) -ge "$limit" ]; }; then
    result=TIMEOUT detail="ended after $limit s${detail:+; $detail}"
  elif [ $code -ne 0 ]; then
    result=FAILED detail="exit code $code${detail:+; $detail}"
  fi
  finish "$step" $result $((SECONDS - begun)) "$detail"
}

# A step with the machine to itself, and one beside others.
step() {
  steps+=("$1")
  perform "$@"
}
spawn() {
  steps+=("$1")
  while [ "$(jobs -rp | wc -l)" -ge "$parallel" ]; do wait -n; done
  perform "$@" &
}
join() {
  wait
  report
}

# measure NAME FILE SECONDS COMMAND...: a step whose standard output goes to that file beside the logs.
measure() {
  step "$1" "$3" bash -c '"${@:2}" >"$1"' "$1" "$logs/$2" "${@:4}"
}

# --- The report.

# A part of a log as Markdown, without the folders of this machine.
quoted() {
  printf '\n```\n'
  sed "s|$content/||g; s|$logs/||g; s|$work/||g; s|${HOME:-/root}|~|g" | cut -c 1-400
  printf '```\n'
}

report() {
  local step result took detail
  {
    printf '# %s, %s\n\n' "$device" "$date"
    [ -z "$emulated" ] || printf '**No GPU: the emulation. It shows that the script works; times mean nothing.**\n\n'
    printf 'Driver %s. %s. Written by native-build/bundle/run.sh%s.\n\n' \
      "${driver:-unknown}" "$(cat "$content/version.txt")" "${quick:+ --quick}"
    cut -f 1 "$work"/results/* | sort | uniq -c | awk '{printf "%s%s %s", (NR > 1 ? ", " : ""), $1, $2}'
    printf '.\n\n| step | result | s | |\n|---|---|---|---|\n'
    for step in "${steps[@]}"; do
      [ -e "$work/results/$step" ] || continue
      IFS=$'\t' read -r result took detail <"$work/results/$step"
      printf '| %s | %s | %s | %s |\n' "$step" "$result" "$took" "${detail//|/\\|}"
    done
    for step in "${steps[@]}"; do
      if grep -qsE '^(FAILED|TIMEOUT)' "$work/results/$step"; then
        printf '\n## %s: the end of its log\n' "$step"
        tail -n 40 "$logs/$step.log" | quoted
      fi
    done
    if grep -qshE '^skipped |\[[AS]\] ' "$logs"/*.log; then
      printf '\n## Tests that left themselves out\n'
      grep -hoE '^skipped .*|\[[AS]\] .*' "$logs"/*.log | sed -E 's/^\[[AS]\] //' | sort | uniq -c | quoted
    fi
    for step in device bench-tiny-auto bench-tiny-paper bench-model-auto bench-model-paper; do
      if [ -s "$logs/$step.txt" ]; then
        printf '\n## %s\n' "$step"
        quoted <"$logs/$step.txt"
      fi
    done
    printf '\nLogs and figures: the folder %s.\n' "$name"
  } >"$work/report" && mv "$work/report" "$out/$name.md"
}

# --- What is run.

natives=$content/java/core/dev/jangle/native/linux-x86_64
jvm=("$content/runtime/bin/java" -Xmx4g --enable-native-access=ALL-UNNAMED "-XX:ErrorFile=$logs/hs_err_%p.log"
  "-Djangle.root=$content/root" "-Djangle.native.cache=$work/natives" -Djangle.test.backend=cuda)
if [ "$emulated" ]; then
  natives=$content/emulated
  jvm+=("-Djangle.library.cuda=$natives/libjangle_cuda.so" -Djangle.test.standins=true)
fi
classes=$content/java/core:$content/java/smollm2-msn:$content/java/cli:$content/java/jcuda:$content/java/natives:$content/java/lib/*
jangle=("${jvm[@]}" -cp "$classes" dev.jangle.cli.Main)
resources=$content/root/tests/core/resources
tests=$content/tests/core:$content/tests/jcuda:$resources:$content/root/tests/jcuda/resources
export LD_LIBRARY_PATH=$natives:$content/tests/native

# junit MODULE CLASS-NAMES [OPTION...]: the command that runs a module's test classes.
junit() {
  junit=("${jvm[@]}" -cp "$tests:$classes" org.junit.platform.console.ConsoleLauncher execute
    "--scan-classpath=$content/tests/$1" "--include-classname=$2" --fail-if-no-tests
    --disable-banner --disable-ansi-colors --details=tree --details-theme=ascii "${@:3}")
}

# The Java suites that reach a backend: NAME MODULE CLASS-NAMES.
suites=(
  "backend core dev\.jangle\.backend\.[^.]*Test"
  "decode core dev\.jangle\.decode\.[^.]*Test"
  "model core dev\.jangle\.model\.[^.]*Test"
  "cache core dev\.jangle\.cache\.[^.]*Test"
  "session core dev\.jangle\.[^.]*Test"
  "train core dev\.jangle\.train\.[^.]*Test"
  "jcuda jcuda dev\.jangle\.jcuda\.[^.]*Test"
)
sanitized_suites=("${suites[@]:0:4}")
programs=("$content"/tests/native/*_test_cuda)
sanitizers=(memcheck racecheck initcheck synccheck)
limit=150
if [ "$quick" ]; then
  suites=("backend core dev\.jangle\.backend\.(Argmax|Batch|Closed|Event|Graph|KvGather|Residual|Rope)Test"
    "model core dev\.jangle\.model\.WeightsTest")
  sanitized_suites=("${suites[0]}")
  programs=("$content"/tests/native/{argmax,kv_append,residual,swiglu,host_batch,host_memory}_test_cuda)
  sanitizers=(memcheck racecheck)
  limit=30
fi

[ -z "$emulated" ] || limit=600

measure device device.txt $limit "${jangle[@]}" info
if [ "$emulated" ]; then
  step mma $limit "$content/tests/native/emulation_test" mma_
else
  step mma $limit "$content/tests/native/mma_test_cuda"
fi
report

for program in "${programs[@]}"; do
  test=$(basename "$program" _test_cuda)
  case $test$emulated in
    mma*) ;;
    host_lostyes) skip native-$test "only a GPU, or the checked emulation, stops at a wrong address" ;;
    *) spawn native-$test $limit "$program" ;;
  esac
done
join

for suite in "${suites[@]}"; do
  read -r test module names <<<"$suite"
  junit "$module" "$names"
  spawn "java-$test" $((2 * limit)) "${junit[@]}"
done
join

tiny=(-m "$resources/models/gguf_q8_0/model.gguf" --prompts "$content/prompts.jsonl" --max-tokens
  $([ "$emulated" ] && echo 4 --questions 1 || echo 200))
for decoding in auto paper; do
  bench=("${jangle[@]}" bench --backend cuda --decoding "$decoding")
  measure bench-tiny-$decoding bench-tiny-$decoding.txt $limit "${bench[@]}" "${tiny[@]}"
  if [ "$model" ]; then
    measure bench-model-$decoding bench-model-$decoding.txt $limit "${bench[@]}" -m "$model"
  else
    skip bench-model-$decoding "no real model was given with --model"
  fi
done
report

# kernels NAME OPTION...: the report as JSON, and a chart where there are fonts to draw it with.
kernels() {
  local chart=(--chart "$logs/$1.svg")
  if ! PATH=$PATH:/sbin ldconfig -p | grep libfontconfig >/dev/null ||
    [ -z "$(find /usr/share/fonts -name '*.[ot]tf' -print -quit 2>/dev/null)" ]; then
    skip "$1-chart" "this machine has no fonts, or no libfontconfig"
    chart=()
  fi
  measure "$1" "$1.json" $limit "${jangle[@]}" bench-kernels --json "${chart[@]}" "${@:2}"
}
if [ "$emulated" ]; then
  kernels kernels --backend cudasim --seconds 0 ${quick:+--op matmul,attention --format f16 --rows 1,8}
elif [ "$quick" ]; then
  kernels kernels --backend cuda --seconds 0.1 --model smollm2-135m --op matmul,attention --rows 1,8,32
else
  kernels kernels-1 --backend cuda --seconds 0.2 --model smollm2-135m,llama-3.2-1b
  kernels kernels-2 --backend cuda --seconds 0.2 --model qwen2.5-0.5b,llama-3.1-8b
fi
report

if [ "$emulated" ]; then
  skip sanitizers "compute-sanitizer needs a GPU; the emulation's checked build has reports of its own"
elif ! reason=$("$content/sanitizer/run" --which 2>&1); then
  skip sanitizers "$reason"
else
  for tool in "${sanitizers[@]}"; do
    sanitized=(env JANGLE_SANITIZER="$tool" "$content/sanitizer/run")
    for program in "${programs[@]}"; do
      spawn "$tool-$(basename "$program" _test_cuda)" $limit "${sanitized[@]}" "$program"
    done
    for suite in "${sanitized_suites[@]}"; do
      read -r test module names <<<"$suite"
      junit "$module" "$names" --exclude-tag=noSanitizer
      spawn "$tool-java-$test" $((2 * limit)) "${sanitized[@]}" "${junit[@]}"
    done
  done
fi
join

printf '\nThe report: %s\n' "$out/$name.md"
! grep -qsE '^(FAILED|TIMEOUT)' "$work"/results/*
