#!/usr/bin/env bash
# The program's own words about how it measures: counters, inputs hot, rotated or cold, and the doctor: exit codes, one
# line for each mistake, and what the record then says.
set -euo pipefail

: "${ATTNBENCH:?is set by CTest}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

check() { # check WHAT COMMAND...
    local -r what=$1
    shift
    if "$@"; then return; fi
    failures=$((failures + 1))
    echo "FAIL: $what" >&2
    sed 's/^/    /' "$work/out" "$work/err" >&2
}

run() {
    status=0
    "$ATTNBENCH" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

bench() { # bench FLAGS...: one small case
    rm -f "$work/record.json"
    run bench --workload h=1,q=16,d=16 --threads 1 --json "$work/record.json" --markdown "$work/record.md" "$@" \
        -- --benchmark_repetitions=1 --benchmark_min_time=0.001
}

exits() { [[ $status == "$1" ]]; }
err_is_one_line_with() { [[ $(wc -l <"$work/err") == 1 ]] && grep -qe "$1" "$work/err"; }
record_says() { python3 -c "import json, sys; r = json.load(open(sys.argv[1])); sys.exit(not ($1))" "$work/record.json"; }

bench --counters cycels
check "an unknown event is bad input" exits 2
check "the nearest name is suggested" err_is_one_line_with "nearest: cycles"
check "nothing is written" test ! -e "$work/record.json"

bench --counters task-clock,cycles
check "what cannot be counted stops nothing" exits 0
check "every event is counted or has its reason, and none is a zero" record_says \
    'all((("reason" in c) != (r["benchmarks"][0].get("counters", {}).get(c["name"], 0) > 0))
         for c in r["context"]["attnbench"]["counters"])'
check "the reason is printed once" test "$(grep -c 'not counted: .*cycles' "$work/err")" -le 1
check "only what was counted is followed from" record_says \
    'all(isinstance(x, float) for b in r["benchmarks"] for x in b.get("derived", {}).values())'
check "Markdown has the counts" grep -q '^## Counters' "$work/record.md"

bench
check "inputs are hot by default" record_says 'all(b["inputs"] == "hot" for b in r["benchmarks"])'
bench --rotate
check "rotation is in name and record" record_says \
    'all("/rotated/threads:1" in b["name"] and b["inputs"].startswith("rotated over ") for b in r["benchmarks"])'
check "Markdown says so" grep -q 'Rotated inputs' "$work/record.md"
bench --cold
check "cold is in name and record" record_says \
    'all("/cold/threads:1" in b["name"] and b["inputs"] == "cold" for b in r["benchmarks"])'
bench --cold --rotate
check "both at once are bad input" exits 2
check "in one line" err_is_one_line_with "exclude each other"

bench --counters all
check "all groups together are counted or absent" exits 0
check "floating-point events by width are among them" record_says \
    '{"fp32-512", "L1-dcache-loads", "dTLB-load-misses", "task-clock"} <= {c["name"] for c in r["context"]["attnbench"]["counters"]}'

run doctor --json "$work/record.json"
check "the doctor ends with 0, or 3 where nothing can be measured" test "$status" = 0 -o "$status" = 3
check "the doctor is in the record" record_says '"noise" in r["context"]["attnbench"]["doctor"]'
check "it says how small a slowdown is seen" record_says \
    'all(len(s["sees"]) == 3 and s["pairs"] > 0 for s in r["context"]["attnbench"]["doctor"]["resolution"])'
check "and in how many seconds" grep -qE '^resolution +memory-bound: sees 1 % in .* s a case' "$work/out"
check "each warning has a remedy" record_says \
    'all(("warning" in l) == bool(l.get("mend")) for l in r["context"]["attnbench"]["doctor"]["lines"])'
check "ceilings are in the record" record_says 'r["context"]["attnbench"]["ceilings"]["fp32_portable"] > 0'
run doctor --quick --json "$work/record.json"
check "in a hurry the doctor leaves that out" record_says '"resolution" not in r["context"]["attnbench"]["doctor"]'
run list counters
check "groups are listed" grep -qE '^group tlb +dTLB-loads,dTLB-load-misses$' "$work/out"
check "counters are listed as what works here" grep -qE '^task-clock +(counts|absent: .)' "$work/out"

if ((failures)); then exit 1; fi
