#!/usr/bin/env bash
# What `cmake --install` leaves is a program that works without the sources and the build: installed into an empty
# prefix, which is then moved; where mounts are allowed, sources and build are hidden behind empty folders. Everywhere:
# no file of it names either, and each part that is taken away is missed, so nothing is read from elsewhere.
set -euo pipefail

source_dir=${ATTNBENCH_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${ATTNBENCH_BUILD:-$source_dir/build}
lib=${LIB:-$(sed -n 's/^CMAKE_INSTALL_LIBDIR:PATH=//p' "$build/CMakeCache.txt")} # lib, lib64 or lib/TRIPLET
export LIB=$lib
failures=0

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

# ---- installing ----------------------------------------------------------------------------------------------------

# install_and_hide FOLDER: a prefix in FOLDER, then the second half of this file, from a copy and where it can be with
# the tree hidden.
install_and_hide() {
    local -r work=$1
    cmake --install "$build" --prefix "$work/first" >"$work/log" || fail "cmake --install: $(tail -n 5 "$work/log")"
    [[ ! -e $work/first/$lib/attnbench/selftest ]] || fail "planted bugs are installed without being asked for"
    cmake --install "$build" --prefix "$work/first" --component selftest >>"$work/log" || fail "component selftest"
    mv "$work/first" "$work/prefix"
    # With debugging information or sanitizers' tables the paths of sources are in there, and are not looked at.
    if grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=Release$' "$build/CMakeCache.txt" &&
        grep -q '^ATTNBENCH_SANITIZE:STRING=$' "$build/CMakeCache.txt"; then
        for path in "$source_dir" "$build" "$work/first"; do
            if grep -rlF --binary-files=text "$path" "$work/prefix"; then fail "these name $path"; fi
        done
    fi
    if grep -q '^ATTNBENCH_PAGES:BOOL=ON$' "$build/CMakeCache.txt"; then
        for page in man/man1/attnbench.1 bash-completion/completions/attnbench zsh/site-functions/_attnbench \
            fish/vendor_completions.d/attnbench.fish; do
            [[ -s $work/prefix/share/$page ]] || fail "no share/$page"
        done
    fi
    if readelf -d "$work/prefix/bin/attnbench" | grep -E 'RPATH|RUNPATH'; then fail "it has a path for libraries"; fi
    ((failures == 0)) || exit 1

    cp "$0" "$work/test"
    local -a namespace=(unshare --mount --propagation private)
    ((EUID == 0)) || namespace+=(--map-root-user)
    local -r hide="mount -t tmpfs none \"\$1\""
    local -r hide_both="$hide && shift && { [ ! -d \"\$1\" ] || $hide; } && shift" # the build may lie in the sources
    if [[ $work/ != "$source_dir"/* && $work/ != "$build"/* ]] &&
        "${namespace[@]}" sh -c "$hide" sh "$build" 2>/dev/null; then
        HIDDEN=$source_dir exec "${namespace[@]}" sh -c "$hide_both && exec \"\$@\"" \
            sh "$source_dir" "$build" bash "$work/test" --installed "$work"
    fi
    exec bash "$work/test" --installed "$work"
}

# ---- what was installed --------------------------------------------------------------------------------------------

# Ours, with nothing of the caller's surroundings that could lead back.
ours() { # ours COMMAND...
    (cd "$work/here" && env -i PATH="$prefix/bin:/usr/local/bin:/usr/bin:/bin" HOME="$work/here" LANG=C.UTF-8 TMPDIR="$work" \
        PYTHONDONTWRITEBYTECODE=1 ${CC:+CC="$CC"} "$@") >"$work/out" 2>&1
}

expect() { # expect CODES COMMAND...
    local -r codes=$1
    local status=0
    shift
    ours "$@" || status=$?
    [[ " $codes " == *" $status "* ]] || fail "$*: $status instead of $codes: $(tail -n 5 "$work/out")"
}

printed() { # printed WORDS: are they in what the last command printed?
    grep -qF -- "$1" "$work/out" || fail "not printed: $1: $(tail -n 5 "$work/out")"
}

missed() { # missed FILE CODES COMMAND...: without that file of the prefix the command must fail so
    local -r file=$prefix/$1
    shift
    mv "$file" "$work/aside"
    expect "$@"
    mv "$work/aside" "$file"
}

small=(--kernel naive_3pass --workload "h=2,q=17,d=16")

check_the_program() {
    expect 0 attnbench --help
    expect 0 attnbench list
    printed example-a
    expect 0 attnbench verify "${small[@]}"
    expect 0 attnbench verify --kernel naive_3pass --suite worked-examples
    printed "4 passed, 0 failed"
    expect 0 attnbench verify --kernel naive_3pass --workload minilm-sentences
    expect 0 attnbench compare naive_3pass naive_3pass --workload h=1,q=8,d=8
    printed "identical code"
    expect "0 1" attnbench selftest clock --runs 1 --only 0 # whatever the clock sees: it has what it compares
    [[ -f $prefix/share/doc/attnbench/README.md && -f $prefix/share/doc/attnbench/LICENSE ]] || fail "no README, no LICENSE"
}

check_reports() {
    if ! ours python3 -c 'import sys, matplotlib, jinja2; sys.exit(sys.version_info < (3, 11))'; then
        echo "not tried: run and report (the system's Python has no matplotlib and Jinja2)"
        expect 0 attnbench verify "${small[@]}" --json "$work/verify.json"
        expect 74 attnbench report "$work/verify.json"
        return
    fi
    expect 0 attnbench run "${small[@]}" --time-budget 120 -o "$work/results"
    expect 0 attnbench report "$work/results/results.json" -o "$work/report"
    grep -q '</html>' "$work/report/report.html" || fail "no report"
    missed share/attnbench/reports/make.py 74 attnbench report "$work/results/results.json"
    printed "reports/make.py: no such file"
}

check_the_self_test() {
    local -r modules=$prefix/$lib/attnbench/selftest/mutants
    local name
    if [[ ! -d $modules ]]; then
        echo "not tried: selftest judge (no planted bug was built)"
        expect 2 attnbench selftest judge
        printed "--component selftest"
        return
    fi
    name=$(grep -l '^kernel: naive_' "$modules"/*.diff | head -n 1) || true
    [[ -n $name ]] || name=$(printf '%s\n' "$modules"/*.diff | head -n 1) # a partial build
    name=$(basename "$name" .diff)
    expect 0 attnbench selftest judge --only "$name"
    printed "1 bugs: 1 found"
    missed "$lib"/attnbench/selftest 2 attnbench selftest judge --only "$name"
}

# Otherwise something of the tree is read, and what passed above says nothing.
check_that_parts_are_missed() {
    missed share/attnbench/data 2 attnbench verify --kernel naive_3pass --workload example-a
    printed "nor among the built-in workloads' tensors"
    missed "$lib"/attnbench/attnbench_kernels.so 2 attnbench compare naive_3pass naive_3pass --workload h=1,q=8,d=8
    missed "$lib"/attnbench/slowed 2 attnbench selftest clock --runs 1 --only 0
}

# plugin NAME FILE.so: does verify take it?
plugin() {
    expect 0 attnbench verify --plugin "$2" --kernel "$1:*" --suite smoke --class normal
    printed " 0 failed"
}

check_plugins() {
    local -r project=$work/own_kernel
    expect 0 attnbench-new-kernel own_kernel "$project"
    printed "attnbench verify --plugin build/own_kernel.so"
    cmp -s "$project/attention.h" "$prefix/include/attnbench/attention.h" || fail "attention.h is another"
    rm "$project/attention.h" # the installed one is to be found

    mkdir "$work/by_package"
    cat >"$work/by_package/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.16)
project(own LANGUAGES C)
set(CMAKE_BUILD_TYPE Release)
find_package(attnbench 0.1 REQUIRED)
attnbench_add_plugin(own_kernel $project/own_kernel.c)
enable_testing()
add_test(NAME right COMMAND attnbench::attnbench verify --plugin \$<TARGET_FILE:own_kernel> --suite smoke --class normal)
END
    expect 0 cmake -S "$work/by_package" -B "$work/by_package/build" -DCMAKE_PREFIX_PATH="$prefix"
    expect 0 cmake --build "$work/by_package/build"
    plugin own_kernel "$work/by_package/build/own_kernel.so"
    expect 0 ctest --test-dir "$work/by_package/build"
    sed -i 's/attnbench 0.1/attnbench 7.0/' "$work/by_package/CMakeLists.txt"
    expect 1 cmake -S "$work/by_package" -B "$work/by_package/again" -DCMAKE_PREFIX_PATH="$prefix"

    if ! command -v pkg-config >/dev/null; then
        echo "not tried: attnbench.pc (no pkg-config)"
        return
    fi
    local -r pc="PKG_CONFIG_PATH=$prefix/$lib/pkgconfig"
    # Expanded by the shell that is started, with the prefix's own PATH.
    # shellcheck disable=SC2016
    expect 0 env "$pc" sh -c '${CC:-cc} $(pkg-config --variable=plugin_cflags attnbench) $(pkg-config --cflags attnbench) \
        -Wall -Werror "$1" $(pkg-config --variable=plugin_libs attnbench) -o "$2"' sh "$project/own_kernel.c" "$work/own_kernel.so"
    plugin own_kernel "$work/own_kernel.so"
    # shellcheck disable=SC2016
    expect 0 env "$pc" sh -c '"$(pkg-config --variable=program attnbench)" --help'
}

if [[ ${1:-} != --installed ]]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT # not reached where the second half runs: it removes the folder itself
    install_and_hide "$work"
fi
work=$2 prefix=$2/prefix
trap 'rm -rf "$work"' EXIT
mkdir "$work/here"
if [[ -z ${HIDDEN:-} ]]; then
    echo "sources and build are not hidden: no mounts here"
elif [[ -e $HIDDEN/CMakeLists.txt ]]; then
    fail "$HIDDEN is not hidden"
fi
check_the_program
check_reports
check_the_self_test
check_that_parts_are_missed
check_plugins

((failures == 0)) || exit 1
echo "what is installed works alone"
