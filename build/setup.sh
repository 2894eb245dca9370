#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages that a build needs and that are missing here.
# Usage: build/setup.sh GROUP...        (groups: see build/packages.txt)
#
# Written for a machine without even Python. Silent and quick (no process but the shell) when all is there.
# As root it installs, saying what; otherwise it prints the one command to run and ends with status 2.
# The list of known packages is refreshed only when a package is not known or its file is gone.
set -u
cd "$(dirname "$0")/.." || exit 2

# present PROBE: is this command in PATH, or does a file match this pattern?
present() {
    case $1 in
    */*) for file in $1; do [ -e "$file" ] && return 0; done; return 1 ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

missing=
while read -r group probe package native; do
    case $group in '' | '#'*) continue ;; esac
    [ -z "$native" ] || [ "$(uname -m)" != "$group" ] || package=$native
    case " $* " in *" $group "*) ;; *) continue ;; esac
    case " $missing " in *" $package "*) continue ;; esac
    present "$probe" || missing="$missing $package"
done <build/packages.txt
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: missing here:$missing (names of Debian packages); this system has no apt-get, please install them" >&2
    exit 2
fi
install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" -ne 0 ]; then
    echo "setup: some packages are missing; please run:" >&2
    echo "    sudo apt-get update && sudo $install" >&2
    exit 2
fi

echo "setup: installing$missing (a first time needs some minutes)"
export DEBIAN_FRONTEND=noninteractive
log=out/setup.log
mkdir -p out
# shellcheck disable=SC2086 # a list of package names, split on purpose
if ! { apt-cache show $missing >/dev/null 2>&1 && $install >"$log" 2>&1; }; then
    echo "setup: refreshing the list of packages (apt-get update)"
    if ! { apt-get update && $install; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "setup: apt-get failed, its messages are in $log;" \
            "the oldest releases that have all of it are Debian 12 and Ubuntu 24.04" >&2
        exit 2
    fi
fi
echo "setup: installed$missing"
