#!/usr/bin/env bash
# Prepares the checkout, from nothing:  packaging/bootstrap.sh run|dev GROUP...
#
# Installs the Debian packages of the groups (packaging/debian-packages.txt) where apt-get can, makes .venv with a
# Python of 3.11 to 3.13, and installs the locked dependencies, checked by hash, and the app itself, editable.
# What is there already is left alone: a second run takes a blink.
set -euo pipefail
cd "$(dirname "$0")/.."

flavour=$1
shift
case $flavour in
run) lock=requirements.lock ;;
dev) lock=packaging/dev.lock ;;
*)
    echo "bootstrap: run or dev, not $flavour" >&2
    exit 2
    ;;
esac

say() { echo "bootstrap: $*" >&2; }

# What apt-get would have to install. Names that another package provides (libglib2.0-0t64 does) count as installed.
missing_packages() {
    local wanted=() group package
    while read -r group package; do
        [[ " $* " == *" $group "* ]] && wanted+=("$package")
    done < <(grep -v '^#' packaging/debian-packages.txt)
    comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
        <(dpkg-query -W -f='${db:Status-Abbrev}|${Package}, ${Provides}\n' | grep '^ii' | cut -d'|' -f2 |
            tr ',' '\n' | sed 's/(.*//; s/[[:space:]]//g' | sort -u)
}

install_packages() {
    command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 0
    local missing as_root=()
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        if ! sudo -n true 2>/dev/null; then
            say "these system packages are missing; if the window does not start, install them and try again:"
            say "  sudo apt-get install --no-install-recommends ${missing[*]}"
            return 0
        fi
        as_root=(sudo -n)
    fi
    say "installing system packages: ${missing[*]}"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
    if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } </dev/null >/dev/null; then
        say "apt-get could not install them; going on without."
    fi
}

fits() { "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in python3.13 python3.12 python3.11 python3; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    say "no Python of 3.11 to 3.13 with its venv module was found; install one (Debian: python3 python3-venv)."
    return 1
}

# Both lock files agree on what they share, so a .venv made for development runs the app as well.
fingerprint() { cat "$1" pyproject.toml packaging/bootstrap.sh | sha256sum | cut -d' ' -f1; }

is_ready() { [[ -f .venv/.ready-$1 && $(cat ".venv/.ready-$1") == "$(fingerprint "$2")" ]] && .venv/bin/python -c '' 2>/dev/null; }

install_packages "$@"
if is_ready dev packaging/dev.lock || is_ready "$flavour" "$lock"; then
    exit 0
fi
if ! { [[ -x .venv/bin/python ]] && fits .venv/bin/python; }; then
    python=$(find_python)
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi
say "installing the dependencies of $lock"
pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input --quiet)
"${pip[@]}" install --require-hashes -r "$lock"
"${pip[@]}" install --no-deps --no-build-isolation -e .
fingerprint "$lock" >".venv/.ready-$flavour"
