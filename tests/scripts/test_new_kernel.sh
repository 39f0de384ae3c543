#!/usr/bin/env bash
# What scripts/new-kernel makes builds without warnings, is listed, passes verify and is timed, as it stands; and a bug
# put into it is found.
set -euo pipefail

source_dir=${ATTNBENCH_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
attnbench=${ATTNBENCH:-$source_dir/build/attnbench}
unset ATTNBENCH_ISA
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

refused() { # refused WORDS...: exit 2 and one line
    local status=0
    "$source_dir/scripts/new-kernel" "$@" >"$work/out" 2>"$work/err" || status=$?
    [[ $status == 2 && ! -s $work/out && $(wc -l <"$work/err") == 1 ]] || fail "new-kernel $*: $status, $(cat "$work/err")"
}

build() { # build FOLDER
    cmake -S "$1" -B "$1/build" -DCMAKE_C_FLAGS="-Werror -Wconversion -Wshadow -Wpedantic" >"$work/log" 2>&1 &&
        cmake --build "$1/build" >>"$work/log" 2>&1
}

refused
refused 9lives
refused Upper
refused 'a/b'
refused one two three
refused taken "$work"
refused fine -x
refused fine --
[[ $("$source_dir/scripts/new-kernel" --help) == *Example:* ]] || fail "--help shows no example"

project=$work/own_kernel
"$source_dir/scripts/new-kernel" own_kernel "$project" >"$work/out"
grep -q "attnbench verify --plugin build/own_kernel.so" "$work/out" || fail "it does not say what comes next"
if grep -rn '@NAME@' "$project"; then fail "a name was left out"; fi
cmp -s "$source_dir/kernels/attention.h" "$project/attention.h" || fail "attention.h is not the contract"

build "$project" || fail "it does not build: $(tail -n 5 "$work/log")"
plugin=$project/build/own_kernel.so
symbols=$(nm -D --defined-only "$plugin" | awk '{ print $3 }')
[[ $symbols == attn_plugin_entry ]] || fail "it exports $symbols"
"$attnbench" list kernels --plugin "$plugin" | grep -q '^own_kernel:own_kernel ' || fail "it is not listed"
if ! "$attnbench" verify --plugin "$plugin" --kernel 'own_kernel:*' >"$work/out" 2>&1; then
    fail "verify: $(tail -n 5 "$work/out")"
fi
grep -qE '^[1-9][0-9]{2,} passed' "$work/out" || fail "verify judged too little: $(tail -n 2 "$work/out")"
"$attnbench" bench --plugin "$plugin" --kernel 'own_kernel:*' --workload h=2,q=40,d=16 -- \
    --benchmark_repetitions=1 --benchmark_min_time=0.01 2>/dev/null | grep '^own_kernel:own_kernel/.*gflops=' >/dev/null ||
    fail "it is not timed"

# A maximum that the sum is not rescaled by.
sed -i 's/r->sum \*= shrink;/;/' "$project/own_kernel.c"
build "$project" || fail "the spoiled one does not build"
status=0
"$attnbench" verify --plugin "$plugin" --kernel 'own_kernel:*' --suite smoke >"$work/out" 2>&1 || status=$?
[[ $status == 1 ]] || fail "a planted bug was not found ($status)"

((failures == 0)) || exit 1
echo "a new kernel builds and passes"
