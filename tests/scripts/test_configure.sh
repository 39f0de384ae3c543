#!/usr/bin/env bash
# A library that is missing at configure time is named with its package, once, and nothing is generated.
set -euo pipefail
build=${ATTNBENCH_BUILD:?} source=${ATTNBENCH_SOURCE:?}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

library=$(sed -n 's/^ATTNBENCH_JANSSON:FILEPATH=//p' "$build/CMakeCache.txt")
folder=$(dirname "$library")
# With a merged /usr the same folder has two names.
ignored="$folder;${folder#/usr};/usr$folder"
status=0
cmake -S "$source" -B "$work" "-DCMAKE_IGNORE_PATH=$ignored" >"$work/log" 2>&1 || status=$?
if ((status == 0)); then
    echo "configuring without $library succeeded"
    exit 1
fi
lines=$(grep -c 'jansson: JSON records. Debian: apt-get install libjansson-dev' "$work/log" || true)
if ((lines != 1)); then
    cat "$work/log"
    echo "jansson's absence was told $lines times, not once"
    exit 1
fi
if [[ -e $work/build.ninja || -e $work/Makefile ]]; then
    echo "a build was generated all the same"
    exit 1
fi
