#!/usr/bin/env bash
# Builds everything and packs it for a machine with a GPU that has neither a compiler nor a network:
#
#   native-build/bundle/make.sh [--built] [FOLDER]       (default: build/bundle)
#
# FOLDER gets run.sh, which unpacks the rest beside itself and runs it (see its head), and
# content.tar.xz.00 and on, in pieces under 16 MiB: a Java runtime, Jangle and what it links, the test
# classes with JUnit's console, the native tests, the emulation, compute-sanitizer where the build has
# it, and the tests' tiny models. Some 50 MB together. The other machine needs Linux on x86-64 with a
# glibc that is not older than this one's, bash, and tar with xz, or python3.
#
# --built packs what `mvn verify` left, as it is; XZ_OPT=-1 in the environment packs fast.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
if [ "${1:-}" = --built ]; then
  shift
else
  mvn -B -ntp -q -DskipTests -Dnative.cuda=ON package
fi
build=$root/build/default
out=$(realpath -m "${1:-$root/build/bundle}")
content=$out/content
if [ ! -e "$build/lib/libjangle_cuda.so" ] || [ ! -e "$build/tests/emulation/emulation_test" ]; then
  echo "make.sh: $build lacks the CUDA library or the tests; build with -Dnative.cuda=ON" >&2
  exit 1
fi
rm -rf "$content" "$out/run.sh" "$out"/content.tar.xz.*
mkdir -p "$content"/{java/lib,tests/native,emulated,sanitizer,root}

# JUnit's console, of the release that pom.xml has JUnit of; and the runtime, of the JDK that the build
# uses: not compressed, since xz does that better.
junit=$(sed -n 's|.*<junit.version>5\.\(.*\)</junit.version>.*|1.\1|p' pom.xml)
mvn -B -ntp -q -N toolchains:select-jdk-toolchain@find-jdk \
  dependency:copy -DoutputDirectory="$content/java/lib" \
  -Dartifact="org.junit.platform:junit-platform-console-standalone:$junit" \
  exec:exec -Dexec.executable=jlink -Dexec.args="--output $content/runtime --compress zip-0
    --add-modules java.se,jdk.unsupported --strip-debug --no-header-files --no-man-pages"

for module in cli jcuda; do
  cp java/$module/target/lib/*.jar "$content/java/lib"
done
rm "$content"/java/lib/jangle-*.jar
for module in core smollm2-msn cli jcuda; do
  cp -r java/$module/target/classes "$content/java/$module"
done
rm "$content"/java/smollm2-msn/dev/jangle/smollm2/adapter_model.safetensors # of a model that is not here
for module in core jcuda; do
  cp -r java/$module/target/test-classes "$content/tests/$module"
done

# Jars that are mostly natives are unpacked, for xz to compress; what nothing here loads is left out.
for jar in "$content"/java/lib/{tokenizers,jcuda-natives}-*.jar; do
  python3 -m zipfile -e "$jar" "$content/java/natives"
  rm "$jar"
done
rm -r "$content"/java/natives/native/lib/{osx,win,linux-aarch64}* "$content"/java/natives/lib/libJNv*

# The native tests find their library where the Java classes have it, and the emulation under the same
# name; C++'s runtime is the compiler's, which may be newer than the other machine's.
cp "$build"/tests/cuda/*_test_cuda "$build"/tests/cuda/host/*_test_cuda \
  "$build/tests/emulation/emulation_test" "$content/tests/native"
for library in libstdc++.so.6 libgcc_s.so.1; do
  cp "$(c++ -print-file-name=$library)" "$content/tests/native"
done
cp "$build/lib/libjangle_cudasim.so" "$content/emulated/libjangle_cuda.so"

# What tests read of the sources. The models lie there only, not beside the test classes too.
git ls-files README.md native-build/include java ':!java/smollm2-msn' tests/core tests/jcuda |
  tar -c -T - | tar -x -C "$content/root"
for folder in tests/core/resources/*; do
  rm -r "$content/tests/core/$(basename "$folder")"
done

cp native-build/bundle/run.sh "$out"
cp native-build/bundle/prompts.jsonl "$content"
cp native-build/sanitizer/run "$content/sanitizer"
if sanitizer=$(native-build/sanitizer/run --which); then
  cp -r "$(dirname "$sanitizer")" "$content/sanitizer/compute-sanitizer"
  rm -rf "$content"/sanitizer/compute-sanitizer/{docs,x86,include}
fi
changed=$(git status --porcelain | sed -n 1p) # head would end git by SIGPIPE, and pipefail this script
printf 'Jangle at commit %s%s' "$(git rev-parse --short HEAD)" "${changed:+, changed}" >"$content/version.txt"

XZ_OPT=${XZ_OPT:--6} tar -cJf - -C "$content" . | split -d -b 15M - "$out/content.tar.xz."
rm -r "$content"
du -ch "$out"/* | sed "s|$out/||"
