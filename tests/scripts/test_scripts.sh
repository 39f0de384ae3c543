#!/usr/bin/env bash
# What the scripts promise, tried on a copy of them with stand-ins for the package manager, CMake, CTest and the
# program: nothing is installed or built here. The stand-ins write what they were called with to a log.
#
# shellcheck disable=SC2016 # what stand-ins do is expanded when they run
set -euo pipefail

source_dir=${ATTNBENCH_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree bin=$work/bin log=$work/log out=$work/out err=$work/err
failures=0 checks=0
unset ATTNBENCH ATTNBENCH_PYTHON ATTNBENCH_BUILD CI CC CXX NO_COLOR

# ---- helpers -------------------------------------------------------------------------------------------------------

check() { # check WHAT COMMAND...
    local -r what=$1
    shift
    checks=$((checks + 1))
    if "$@"; then return; fi
    failures=$((failures + 1))
    {
        echo "FAIL: $what"
        echo "  status $status, stdout:"
        sed 's/^/    /' "$out"
        echo "  stderr:"
        sed 's/^/    /' "$err"
        echo "  log of stand-ins:"
        sed 's/^/    /' "$log"
    } >&2
}

run() { # run COMMAND...: sets status, out and err, with an empty log
    : >"$log"
    status=0
    "$@" >"$out" 2>"$err" </dev/null || status=$?
}

exits() { [[ $status == "$1" ]]; }
out_has() { grep -qe "$1" "$out"; }
err_has() { grep -qe "$1" "$err"; }
log_has() { grep -qe "$1" "$log"; }
log_lacks() { ! grep -qe "$1" "$log"; }
err_lines() { [[ $(wc -l <"$err") == "$1" ]]; }
last_line() { [[ $(tail -n 1 "$out") == "$1" ]]; }
no_colour() { ! grep -q $'\e' "$out" "$err"; }
not() { ! "$@"; }

stand_in() { # stand_in NAME BODY: a program that logs its call and does BODY
    rm -f "$bin/$1" # it may be a link to the real one
    printf '#!/usr/bin/env bash\necho "%s $*" >>"%s"\n%s\n' "$1" "$log" "$2" >"$bin/$1"
    chmod +x "$bin/$1"
}

fresh() { # a new copy of the scripts, and a PATH that has the shell's usual tools and no compiler
    rm -rf "$tree" "$bin"
    mkdir -p "$tree/tests" "$tree/build" "$bin"
    cp -r "$source_dir/scripts" "$tree/scripts"
    local tool
    for tool in bash env cat sed grep awk sort head tail tr wc mktemp rm mkdir dirname basename id nproc find cp; do
        ln -s "$(command -v "$tool")" "$bin/$tool"
    done
    : >"$log"
}

# An interpreter that has every module.
stand_in_python() {
    stand_in python3 'exit 0'
    export ATTNBENCH_PYTHON=$bin/python3
}

# Everything is there, as far as install-deps can tell.
stand_in_dependencies() {
    stand_in_python
    stand_in cc 'exit 0'
    stand_in c++ 'exit 0'
    stand_in git 'exit 0'
    stand_in patch 'exit 0'
    stand_in ninja 'exit 0'
    stand_in apt-get 'exit 0'
}

with() { # with COMMAND...: under the PATH of stand-ins alone
    PATH=$bin "$@"
}

# ---- every script --------------------------------------------------------------------------------------------------

fresh
for script in bench test install-deps nightly readme-charts; do
    run "$tree/scripts/$script" --help
    check "$script --help" exits 0
    check "$script --help shows an example" out_has "^Example: scripts/$script"
    check "$script --help tells the exit codes" out_has '^Exit: '
    run "$tree/scripts/$script" --no-such-option
    check "$script refuses unknown options" exits 2
    check "$script names the unknown option on one line" err_lines 1
    check "$script names the unknown option" err_has "'--no-such-option'"
    check "$script is executable" test -x "$source_dir/scripts/$script"
done
check ".ci/run is executable" test -x "$source_dir/.ci/run"
check ".ci/run calls scripts/test --all" grep -qx 'exec scripts/test --all' "$source_dir/.ci/run"

# ---- nightly -------------------------------------------------------------------------------------------------------

fresh
run with "$tree/scripts/nightly"
check "nightly without a program" exits 3
check "nightly says where it is wanted" err_has 'build/attnbench is not there'
mkdir -p "$tree/build/tests"
for asked in build/tests/real_clock scripts/play-gate; do
    printf '#!/usr/bin/env bash\necho "asked %s" >>"%s"\n' "$asked" "$log" >"$tree/$asked"
    chmod +x "$tree/$asked"
done
stand_in attnbench '[[ $* != *neighbours* ]]'
ln "$bin/attnbench" "$tree/build/attnbench"
run with "$tree/scripts/nightly" --clock -o "$work/night"
check "nightly goes on after what is not well" last_line '4 well, 1 not'
check "nightly fails then" exits 1
check "nightly names it" err_has 'clock-neighbours.txt'
check "nightly compares the same 500 times" log_has 'selftest clock --only 0 --runs 500'
check "nightly --clock leaves the judge out" log_lacks 'selftest judge'
stand_in attnbench 'exit 0'
ln -f "$bin/attnbench" "$tree/build/attnbench"
mkdir -p "$tree/tests/verify"
printf '#!/usr/bin/env bash\necho "seeds $*" >>"%s"\n' "$log" >"$tree/tests/verify/many_seeds.py"
chmod +x "$tree/tests/verify/many_seeds.py"
run with "$tree/scripts/nightly"
check "nightly with all well" exits 0
check "nightly asks all seven" last_line '7 well, 0 not'
check "nightly asks the machine's clock" log_has '^asked build/tests/real_clock$'
check "nightly plays a gate" log_has '^asked scripts/play-gate$'
check "nightly asks the judge whole" log_has 'selftest judge --whole'
check "nightly asks a thousand seeds" log_has '^seeds --seeds 1000'

# ---- peers and check-best ------------------------------------------------------------------------------------------

fresh
cd /
run "$tree/scripts/peers"
check "peers without its environment" exits 2
check "peers says how to make it, on one line" err_lines 1
check "peers names its own flag for that" err_has 'no PyTorch: scripts/peers --setup'
run "$tree/scripts/check-best" --help
check "check-best --help" exits 0
check "check-best --help tells the exit codes" out_has '^Exit codes: '
run "$tree/scripts/check-best"
check "check-best before a build is no verdict" exits 2
check "check-best before a build: one line" err_lines 1
stand_in attnbench 'echo "the reason" >&2; exit 2'
ln "$bin/attnbench" "$tree/build/attnbench"
run "$tree/scripts/check-best" --no-such-option
check "check-best finds the program of its tree, and hands it the flags" log_has '^attnbench bench --no-such-option '
check "what the program refuses is no verdict" exits 2
check "its reason is told" err_has '^check-best: the reason$'

# ---- install-deps --------------------------------------------------------------------------------------------------

run "$tree/scripts/install-deps" --list --all
check "--list" exits 0
check "--list gives each package a state and a reason" not out_has '^[a-z]* *[a-z0-9+-]* *$'
cmake_file=$source_dir/scripts/cmake/AttnbenchDependencies.cmake
named=$(sed -n 's/.*attnbench_missing("[^"]*" \([a-z0-9-]*\).*/\1/p' "$cmake_file")
check "CMake names libraries" test -n "$named"
for package in $named; do
    check "--list has $package, which CMake asks for" out_has "^[a-z]* *$package "
done

fresh
stand_in_python
stand_in apt-get 'exit 0'
run with "$tree/scripts/install-deps" --no-install
check "--no-install with something missing" exits 3
check "--no-install lists what is missing" err_has '^  libgsl-dev '
check "--no-install lists no more than that" not err_has '^  python3-matplotlib '
check "--no-install gives the command" err_has 'apt-get install -y .*libgsl-dev'
check "--no-install installs nothing" log_lacks apt-get

run with "$tree/scripts/install-deps" --dry-run
check "--dry-run" exits 0
check "--dry-run prints the command on stdout" out_has 'apt-get install -y .* gcc g++ cmake .*libcmocka-dev'
check "--dry-run installs nothing" log_lacks apt-get

stand_in id 'echo 0'
run with "$tree/scripts/install-deps"
check "an installation that changes nothing fails" exits 3
check "it lists what is missing first" err_has '^missing:'
check "it updates the lists" log_has '^apt-get .*update'
check "it installs what is missing" log_has '^apt-get .*install .*gcc g++ cmake ninja-build git patch libbenchmark-dev'
check "it never installs what is there" log_lacks 'install.*python3-matplotlib'
check "it says what is still missing" err_has '^still missing:'

stand_in apt-get 'exit 100'
run with "$tree/scripts/install-deps"
check "a failing apt-get" exits 3
check "a failing apt-get is told with its command" err_has 'apt-get failed.*apt-get install -y'

stand_in id 'echo 1000'
run with "$tree/scripts/install-deps"
check "neither root nor sudo" exits 3
check "neither root nor sudo: the command" err_has 'as root run: sudo apt-get update && sudo apt-get install'
check "neither root nor sudo: nothing is tried" log_lacks apt-get

stand_in sudo '[[ $1 == -n ]] || exit 9; shift; exec "$@"'
stand_in true 'exit 0'
run with "$tree/scripts/install-deps"
check "sudo without a terminal never asks" log_has '^sudo -n env DEBIAN_FRONTEND=noninteractive apt-get .*install'

rm "$bin/apt-get"
run with "$tree/scripts/install-deps"
check "not a Debian-like system" exits 3
check "not a Debian-like system: said so" err_has 'no apt-get'

fresh
stand_in_dependencies
stand_in cmake 'echo "cmake version 3.25.0"'
run with "$tree/scripts/install-deps"
check "everything is there" exits 0
check "everything is there: quiet" err_lines 0
check "everything is there: apt-get is not called" log_lacks apt-get
stand_in cmake 'echo "cmake version 3.9.6"'
run with "$tree/scripts/install-deps" --no-install
check "an old CMake is missing" err_has '^  cmake '

# ---- find_python -----------------------------------------------------------------------------------------------------

find_python() { # find_python CHOICE: what lib.sh finds with ATTNBENCH_PYTHON=CHOICE
    run env ATTNBENCH_PYTHON="$1" PATH="$bin" bash -euc 'source "$1"; find_python' x "$tree/scripts/lib.sh"
}

fresh
stand_in good 'exit 0'
stand_in bare 'exit 1'
find_python "$bin/good"
check "ATTNBENCH_PYTHON comes first" last_line "$bin/good"
mkdir -p "$tree/build/venv/bin"
cp "$bin/good" "$tree/build/venv/bin/python"
find_python "$bin/bare"
check "an interpreter without the modules is passed over" last_line "$tree/build/venv/bin/python"
real_python=$(python3 -c 'import sys; print(sys.executable)')
stand_in_version() { # stand_in_version NAME VERSION: every module, and that version of the language
    local -r modules='sys.modules.update(matplotlib=sys, jinja2=sys)'
    stand_in "$1" "exec '$real_python' -c 'import sys; sys.version_info = $2; $modules; exec(sys.argv[1])' \"\$2\""
}
stand_in_version old '(3, 10, 9)'
stand_in_version new '(3, 11, 0)'
find_python "$bin/old"
check "an interpreter that is too old is passed over" last_line "$tree/build/venv/bin/python"
find_python "$bin/new"
check "Python 3.11 is new enough" last_line "$bin/new"
find_python "$bin/good"
check "ATTNBENCH_PYTHON comes before build/venv" last_line "$bin/good"
find_python ""
check "build/venv comes before the system's" last_line "$tree/build/venv/bin/python"

# ---- bench ---------------------------------------------------------------------------------------------------------

fresh
stand_in_dependencies
stand_in cmake 'echo "cmake version 3.25.1"'
stand_in attnbench "echo \"python \$ATTNBENCH_PYTHON\" >>$log; echo table; echo /path/report.html; exit \${STATUS:-0}"
mv "$bin/attnbench" "$tree/build/attnbench"

cd /
run with "$tree/scripts/bench"
check "bench" exits 0
check "bench configures the tree it belongs to" log_has "^cmake -S $tree -B $tree/build -G Ninja .*BUILD_TYPE=Release"
check "bench builds no tests" log_has "^cmake --build $tree/build .*--target attnbench\$"
check "bench runs within five minutes" log_has "^attnbench run -o $tree/build/report --time-budget 255\$"
check "bench times the head sizes" log_has "^attnbench bench --suite channels --kernel best .*--json $tree/build/report/channels.json"
check "bench draws both records" log_has "^attnbench report $tree/build/report/results.json $tree/build/report/channels.json -o"
check "bench names the interpreter" log_has "^python $bin/python3\$"
check "bench ends with the report's path" last_line /path/report.html
check "bench keeps stdout for results" test "$(wc -l <"$out")" = 4
check "bench without a terminal has no colours" no_colour

for named in /nope /bin/false; do
    run with env ATTNBENCH_PYTHON=$named "$tree/scripts/bench"
    check "bench takes the interpreter that is named, or none" exits 3
    check "bench names it" err_has "^bench: ATTNBENCH_PYTHON=$named is no Python"
    check "bench times nothing then" log_lacks '^attnbench'
done

run with "$tree/scripts/bench" --time-budget 60 -o some/where -- --kernel 'a b'
check "bench hands its arguments on" log_has "^attnbench run -o some/where --time-budget 60 --kernel a b\$"
touch "$tree/build/CMakeCache.txt"
run with env STATUS=3 "$tree/scripts/bench"
check "bench ends with the program's status" exits 3
check "a configured folder keeps its generator" log_lacks ' -G '
for bad in "--time-budget 0" "--time-budget x" "--time-budget" "-o" "smoke"; do
    # shellcheck disable=SC2086
    run with "$tree/scripts/bench" $bad
    check "bench $bad" exits 2
    check "bench $bad: one line" err_lines 1
    check "bench $bad: nothing was run" log_lacks .
done

stand_in cmake '[[ $1 != --build ]] || exit 2; echo "cmake version 3.25.1"'
run with "$tree/scripts/bench"
check "a failed build is a finding" exits 1
check "a failed build runs nothing" log_lacks '^attnbench'
stand_in cmake '[[ $1 != -S ]] || exit 1; echo "cmake version 3.25.1"'
run with "$tree/scripts/bench"
check "a failed configuration" exits 2
stand_in c++ 'exit 1'
run with "$tree/scripts/bench" --no-install
check "bench --no-install with something missing" exits 3
check "bench --no-install configures nothing" log_lacks '^cmake -S'

# ---- test ----------------------------------------------------------------------------------------------------------

fresh
stand_in_dependencies
stand_in cmake 'echo "cmake version 3.25.1"'
stand_in ctest 'while (($#)); do [[ $1 != --output-junit ]] || file=$2; shift; done
[[ -z ${JUNIT:-} ]] || printf "<?xml?>\n<testsuite name=\"x\"\n\t%s\n>\n<testcase tests=\"99\"/>" "$JUNIT" >"$file"
exit "${STATUS:-0}"'
counts='tests="12" failures="0" disabled="1" skipped="2"'

run with env JUNIT="$counts" "$tree/scripts/test"
check "test" exits 0
check "test counts" last_line "9 passed, 0 failed, 3 skipped"
check "test: warnings are no errors for users" log_has 'DATTNBENCH_WERROR=OFF'
run with env CI=true JUNIT="$counts" "$tree/scripts/test"
check "test: warnings are errors in CI" log_has 'DATTNBENCH_WERROR=ON'
run with env STATUS=8 JUNIT='tests="12" failures="3" disabled="0" skipped="0"' "$tree/scripts/test"
check "failed tests" exits 1
check "failed tests are counted" last_line "9 passed, 3 failed, 0 skipped"
run with env STATUS=8 JUNIT="$counts" "$tree/scripts/test"
check "a status that the counts do not explain" exits 1
run with "$tree/scripts/test"
check "ctest without results" exits 1
check "ctest without results counts as a failure" last_line "0 passed, 1 failed, 0 skipped"

# Stand-ins for compilers make no program, so both sanitizers are skipped; so are aarch64 and linters, which this PATH
# has not got.
mkdir -p "$tree/tests/room"
printf 'pool_new\n' >"$tree/tests/room/test_a.c"
printf 'nothing\n' >"$tree/tests/room/test_b.c"
run with env JUNIT="$counts" "$tree/scripts/test" --all --no-install
check "what is missing for --all is skipped, not failed" exits 0
check "what is missing for --all is counted" last_line "9 passed, 0 failed, 12 skipped"
check "each skip has its reason" out_has '^skipped: shellcheck: not installed'
check "no browser is a reason" out_has '^skipped: the report in a browser: chromium is not installed'
check "test --all: warnings are errors" log_has 'DATTNBENCH_WERROR=ON'

stand_in cc 'while (($#)); do [[ $1 != -o ]] || { echo "#!/bin/sh" >"$2"; chmod +x "$2"; }; shift; done'
ln -s "$(command -v chmod)" "$bin/chmod"
stand_in shellcheck 'exit 1'
run with env JUNIT='tests="2" failures="0" disabled="0" skipped="0"' "$tree/scripts/test" --all --no-install
check "address sanitizer builds" log_has 'DATTNBENCH_SANITIZE=address,undefined'
check "address sanitizer: the C tests" log_has '^ctest --test-dir .*/asan .*-R ^(test_a|test_b)\$'
check "thread sanitizer: the tests that use threads" log_has '^ctest --test-dir .*/tsan .*-R ^(test_a)\$'
check "a linter's complaint is a failure" exits 1
check "all builds and linters are counted" last_line "6 passed, 1 failed, 6 skipped"
check "no compiler for Arm: the reason" out_has '^skipped: tests on aarch64: aarch64-linux-gnu-gcc is missing'
run with "$tree/scripts/test" --cross mips
check "an unknown processor" exits 2

# ---- readme-charts --------------------------------------------------------------------------------------------------

fresh
stand_in_python
stand_in attnbench 'while (($#)); do
    if [[ $1 == -o ]]; then folder=$2; fi
    shift
done
mkdir -p "$folder/charts"
for chart in $DRAWN; do
    for kind in png csv svg; do echo "$chart" >"$folder/charts/$chart.$kind"; done
done'
mv "$bin/attnbench" "$tree/build/attnbench"
mkdir -p "$tree/reports/example"

run with env DRAWN="gflops-h1-d64 other" "$tree/scripts/readme-charts"
check "readme-charts: a chart that was not drawn" exits 2
check "readme-charts names it" err_has 'no chart speedup-ladder'
check "readme-charts puts all of a run in the README or nothing" test -z "$(find "$tree/reports/example" -type f)"
run with env DRAWN="gflops-h1-d64 speedup-ladder other" "$tree/scripts/readme-charts" --time-budget 60
check "readme-charts" exits 0
check "readme-charts times what it draws" log_has "^attnbench run -o $tree/build/readme-charts --time-budget 60\$"
check "readme-charts ends with the path of the last file" last_line "$tree/reports/example/speedup-ladder.csv"
check "readme-charts copies PNG and CSV" test "$(find "$tree/reports/example" -type f | wc -l)" = 4
run with env DRAWN="gflops-h1-d64 speedup-ladder" "$tree/scripts/readme-charts" a.json
check "readme-charts draws a record" log_has "^attnbench report a.json -o $tree/build/readme-charts\$"
run with "$tree/scripts/readme-charts" a.json b.json
check "readme-charts takes one record" exits 2

echo "$((checks - failures)) of $checks checks passed"
((failures == 0))
