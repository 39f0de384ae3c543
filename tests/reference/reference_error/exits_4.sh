#!/usr/bin/env bash
# exits_4.sh SOUND PLANTED: verify of the sound build certifies its reference and exits 0; that of the planted one exits
# 4, says where, and exits 0 again where it is told to certify no row.
set -euo pipefail

failed() {
    echo "exits_4.sh: $1"
    exit 1
}

select=(verify --workload 'h=2,q=33,d=64' --class normal --threads 1)
"$1" "${select[@]}" | grep -q 'certified by 128-bit balls on 2 rows' || failed 'the sound reference is not certified'

code=0
output=$("$2" "${select[@]}") || code=$?
((code == 4)) || failed "the planted reference: exit $code, not 4"
grep -q 'REFERENCE WRONG h=2,q=33,d=64 normal (b 0, h 0, q 0)' <<<"$output" || failed 'it does not say where'
"$2" "${select[@]}" --certify 0 >/dev/null || failed 'it exits otherwise although nothing was certified'
