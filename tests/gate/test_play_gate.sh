#!/usr/bin/env bash
# A pipeline's job, played: red for a slower kernel with its case, green for an equal one, red for a wrong one with the
# line that repeats it. And the player itself: a program that lets everything pass must not satisfy it.
set -euo pipefail

source_dir=${ATTNBENCH_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAIL: $*" >&2
    cat "$work/out" "$work/err" >&2
    exit 1
}
play() { "$source_dir/scripts/play-gate" "$@" >"$work/out" 2>"$work/err"; }

play --quick || fail "the player ended with $?"
(($(grep -c '^  red, as it should be$' "$work/out") == 2)) || fail "two branches should be red"
(($(grep -c '^  green, as it should be$' "$work/out") == 1)) || fail "one branch should be green"

printf '#!/bin/sh\necho passed\n' >"$work/attnbench"
chmod +x "$work/attnbench"
status=0
ATTNBENCH=$work/attnbench play --quick || status=$?
((status == 1)) || fail "a gate that always passes satisfied the player ($status)"
grep -q 'NOT as expected: exit 0, wanted 1' "$work/out" || fail "the player does not say what was not as expected"

status=0
ATTNBENCH=$work/none play --quick || status=$?
((status == 3)) || fail "without a program the player ended with $status"
status=0
play --wrong || status=$?
((status == 2)) || fail "an unknown flag ended with $status"
