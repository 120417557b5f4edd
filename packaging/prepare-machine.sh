#!/bin/sh
# Sets up what `make demo` and `make test` need: Debian packages that are missing, a virtual environment, pinned packages
# of Python, and of npm for tests alone.
# Run from the top of the project. Installs Debian packages only as root or through sudo; otherwise says what to run.
set -eu

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "homeapp needs Python 3.11 or newer. Install it (Debian: apt-get install python3 python3-venv) and try again." >&2
    exit 1
fi

if command -v dpkg-query >/dev/null 2>&1; then
    wanted=$(grep -v '^#' packaging/apt-packages.txt)
    "$python" -c 'import ensurepip' 2>/dev/null || wanted="$wanted python3-venv"
    missing=
    for package in $wanted; do
        status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
        [ "$status" = "install ok installed" ] || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        run=
        if [ "$(id -u)" -ne 0 ]; then
            if command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
                run=sudo
            else
                echo "Some Debian packages are missing. Run this as root, then try again:" >&2
                echo "  apt-get update && apt-get install -y --no-install-recommends$missing" >&2
                exit 1
            fi
        fi
        echo "Installing Debian packages:$missing"
        $run apt-get update -qq
        # shellcheck disable=SC2086 # a list of words on purpose
        $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    fi
else
    echo "This is not a Debian system: make sure that the libraries named in packaging/apt-packages.txt are there."
fi

[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "Installing the pinned Python packages"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
echo "Installing the pinned npm packages of peers that some tests need"
# node and npm are among the Python packages; what the lock file names is checked by its hashes.
if ! PATH="$PWD/.venv/bin:$PATH" npm ci --prefix tests/conformance/ocpp/peer --ignore-scripts --no-audit --no-fund \
    --silent; then
    if [ -n "${CI:-}" ]; then
        echo "They are needed here." >&2
        exit 1
    fi
    echo "They could not be had: the tests with these peers will be skipped." >&2
fi
touch .venv/.ready
