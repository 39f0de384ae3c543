#!/usr/bin/env bash
# caught.sh PROGRAM KERNEL 'VERIFY FLAGS': passes if the program, which has a planted bug in that kernel, is found out: verify exits
# with 1 exactly, blames no other kernel that does not run it, and prints a line that fails again when it is run by itself.
# Skipped (77) where the kernel needs instruction sets that this machine lacks.
set -uo pipefail
program=$1 kernel=$2
read -ra flags <<<"$3"

output=$("$program" verify --kernel "$kernel" "${flags[@]}" 2>&1)
status=$?
if ((status == 3)) && ! grep -qE '^(pass|FAIL|CRASH|HANG)' <<<"$output" && grep -q 'needs instruction sets' <<<"$output"; then
    echo "skipped: $kernel needs instruction sets that are not usable here"
    exit 77
fi
if ((status != 1)); then
    printf '%s\n' "$output" | tail -n 5
    echo "verify ended with $status; a planted bug in $kernel must be found (1)"
    exit 1
fi
line=$(grep -m1 -o 'attnbench verify .*' <<<"$output")
if [[ -z $line ]]; then
    echo "no line that reproduces the failure"
    exit 1
fi
eval "${line/#attnbench/\"\$program\"}" >/dev/null 2>&1
status=$?
if ((status != 1)); then
    echo "run by itself, this line ended with $status, not 1: $line"
    exit 1
fi
grep -m1 -A1 -E '^(FAIL|CRASH|HANG)' <<<"$output"
