#!/usr/bin/env bash
# attention.h is copied into other people's projects: it must compile alone, first and twice, as strict C11, C17 and
# C++, include nothing but <stddef.h> and <stdint.h>, and define no symbol.
set -euo pipefail

source_dir=${ATTNBENCH_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
header=$source_dir/kernels/attention.h
cc=${CC:-cc} cxx=${CXX:-c++}
for compiler in "${cc%% *}" "${cxx%% *}"; do
    if ! command -v "$compiler" >/dev/null; then
        echo "skipped: no compiler $compiler (set CC and CXX)"
        exit 77
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

# compiles HEADER LANGUAGE STANDARD: does a file with nothing but the header (twice) compile, without any warning?
compiles() {
    local -r file=$work/alone.$2
    printf '#include "attention.h"\n#include "attention.h"\nextern const attn_plugin *entry;\n' >"$file"
    mkdir -p "$work/include"
    cp "$1" "$work/include/attention.h"
    local compiler=$cc
    [[ $2 == c ]] || compiler=$cxx
    # Unquoted: CC may carry flags, as in CC="ccache gcc".
    # shellcheck disable=SC2086
    $compiler -std="$3" -pedantic-errors -Wall -Wextra -Wshadow -Wconversion -Werror -I"$work/include" \
        -c "$file" -o "$work/alone.o" 2>"$work/log"
}

for row in "c c11" "c c17" "cc c++11" "cc c++17"; do
    read -r language standard <<<"$row"
    compiles "$header" "$language" "$standard" || fail "attention.h as $standard: $(head -n 3 "$work/log")"
    if command -v nm >/dev/null; then
        symbols=$(nm "$work/alone.o")
        [[ -z $symbols ]] || fail "attention.h as $standard defines or uses symbols: $symbols"
    fi
done

includes=$(grep -E '^[[:space:]]*#[[:space:]]*include' "$header" | tr -s '[:space:]' ' ' | sort | tr -d '\n')
[[ $includes == "#include <stddef.h> #include <stdint.h> " ]] || fail "attention.h includes: $includes"

# The check itself must be able to fail.
sed '/include <stdint.h>/d' "$header" >"$work/broken.h"
if compiles "$work/broken.h" c c11; then fail "a header without <stdint.h> went through"; fi
sed 's/^typedef struct attn_args {/typedef struct attn_args { int none[0];/' "$header" >"$work/broken.h"
if compiles "$work/broken.h" c c11; then fail "a header with extensions went through"; fi

((failures == 0)) || exit 1
echo "attention.h compiles alone"
