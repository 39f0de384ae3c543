#!/usr/bin/env bash
# plant.sh PATCH DIFF TREE FILE...: copies the FILEs to TREE with the diff applied. What did not change is left alone, so that nothing
# is compiled again for it.
set -euo pipefail
patch=$1 diff=$2 tree=$3
shift 3
fresh=$tree.new
rm -rf "$fresh"
mkdir -p "$fresh" "$tree"
cp --parents "$@" "$fresh"
chmod -R u+w "$fresh"
"$patch" --silent --force --strip=1 --no-backup-if-mismatch --directory="$fresh" <"$diff" || {
    echo "$diff no longer applies: adapt it to the kernel as it is now, and keep its bug" \
        "(the program is built without it by --target attnbench)" >&2
    exit 1
}
for file in "$@"; do
    cmp -s "$fresh/$file" "$tree/$file" && continue
    mkdir -p "$tree/${file%/*}"
    mv "$fresh/$file" "$tree/$file"
done
rm -rf "$fresh"
