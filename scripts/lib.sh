# shellcheck shell=bash
# lib.sh: what install-deps, bench and test share. Sourced, never run; the caller has set -euo pipefail.
#
# Results go to stdout, all else (progress, compilers, warnings) to stderr: the last line on stdout is the result.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$ROOT/build
VENV=$BUILD/venv             # Python modules, where the system's cannot be installed
TOOLS_VENV=$BUILD/venv-tools # maintainers' Python tools
# Read by the scripts that source this file.
# shellcheck disable=SC2034
readonly ROOT BUILD VENV TOOLS_VENV

# Exit codes, the same as the program's.
# shellcheck disable=SC2034
readonly EXIT_FINDING=1 EXIT_USAGE=2 EXIT_CANNOT_TELL=3

if [[ -t 2 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    BOLD=$'\e[1m' PLAIN=$'\e[0m'
else
    BOLD='' PLAIN=''
fi

step() { # a heading of what is done now
    printf '%s== %s%s\n' "$BOLD" "$*" "$PLAIN" >&2
}

warn() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() { # die CODE MESSAGE
    local -r code=$1
    shift
    warn "$@"
    exit "$code"
}

usage_error() { # one line: what, and how to mend it
    die "$EXIT_USAGE" "$* (scripts/${0##*/} --help shows the options)"
}

have() {
    command -v "$1" >/dev/null 2>&1
}

jobs() { # how many compilers and tests run at once
    nproc 2>/dev/null || echo 2
}

python_has_modules() { # python_has_modules PYTHON: can it make the reports?
    "$1" -c 'import sys, matplotlib, jinja2; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() { # prints an interpreter that can make the reports; fails where there is none
    local python
    for python in "${ATTNBENCH_PYTHON:-}" "$VENV/bin/python" /usr/bin/python3 python3; do
        if [[ -n $python ]] && have "$python" && python_has_modules "$python"; then
            command -v "$python"
            return
        fi
    done
    return 1
}

use_python() { # tells the program and the tests which interpreter to use
    local python
    if [[ -n ${ATTNBENCH_PYTHON:-} ]] && ! python_has_modules "$ATTNBENCH_PYTHON"; then
        die "$EXIT_CANNOT_TELL" "ATTNBENCH_PYTHON=$ATTNBENCH_PYTHON is no Python 3.11 or newer with matplotlib and Jinja2; unset it to have one looked for"
    fi
    python=$(find_python) || die "$EXIT_CANNOT_TELL" "no Python 3.11 or newer with matplotlib and Jinja2: run scripts/install-deps"
    export ATTNBENCH_PYTHON=$python
}

configure() { # configure FOLDER CMAKE-ARGUMENTS...
    local -r folder=$1
    shift
    local -a generator=()
    # A folder that was configured before keeps its generator: CMake refuses to change it.
    if [[ ! -f $folder/CMakeCache.txt ]] && have ninja; then generator=(-G Ninja); fi
    cmake -S "$ROOT" -B "$folder" "${generator[@]}" "$@" >&2 ||
        die "$EXIT_USAGE" "configuring $folder failed: see above, or start afresh with rm -rf '$folder'"
}

build() { # build FOLDER [TARGETS...]
    cmake --build "$1" --parallel "$(jobs)" ${2:+--target "${@:2}"} >&2 || die "$EXIT_FINDING" "building $1 failed: see above"
}
