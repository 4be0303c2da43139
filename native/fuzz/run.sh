#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh SECONDS [TARGET…]: builds the libFuzzer targets in native/build-fuzz and runs each so long, from its corpus. What is
# found stays in native/build-fuzz. RVISOR_DEPS as for CMake. run.sh --check: only whether there is what that takes.
set -eu
# The runtime of libFuzzer and the sanitizers is a package of its own, which Debian's clang does not depend on.
probe=$(mktemp)
linked=0
echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' | clang++ -x c++ -fsanitize=fuzzer,address,undefined -o "$probe" - > /dev/null 2>&1 || linked=$?
rm -f "$probe"
if [ $linked != 0 ]; then
  echo "clang++ does not link fuzzers here: clang or its runtime is missing (Debian: clang, libclang-rt-dev)" >&2
  exit 1
fi
[ "$1" != --check ] || exit 0
seconds=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
build=$here/../build-fuzz
cmake -S "$here/.." -B "$build" -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DRVISOR_FUZZ=ON -DRVISOR_OUT="$build/out" -DRVISOR_DEPS="${RVISOR_DEPS:-}" > /dev/null
[ $# -gt 0 ] || set -- plan request report stat cgroup_layout message program ring translation core_validate core_evaluate
for target; do
  cmake --build "$build" --target "fuzz_$target" > /dev/null
  mkdir -p "$build/corpus/$target"
  echo "== $target"
  "$(find "$build" -name "fuzz_$target" -type f)" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$build/$target-" "$build/corpus/$target" "$here/corpus/$target"
done
