#!/usr/bin/env bash
# plant.sh PATCH DIFF TREE FILE...: copies the FILEs, and nothing else, to TREE with the diff applied.
set -euo pipefail
patch=$1 diff=$2 tree=$3
shift 3
rm -rf "$tree"
mkdir -p "$tree"
cp --parents "$@" "$tree"
chmod -R u+w "$tree"
"$patch" --silent --force --strip=1 --no-backup-if-mismatch --directory="$tree" <"$diff" || {
    echo "$diff no longer applies: adapt it to the kernel as it is now, and keep its bug" \
        "(the program is built without it by --target attnbench)" >&2
    exit 1
}
