#!/bin/sh
# Unpacks Debian's package `prometheus` into a folder, for the tests: nothing is installed, no service is started.
# Usage: fetch.sh FOLDER. Without apt-get, or without the package, it says what the tests will leave out; that is no failure.
folder=$1

if command -v prometheus >/dev/null && command -v promtool >/dev/null; then exit 0; fi
if [ -x "$folder/usr/bin/promtool" ]; then exit 0; fi

fetch() { apt-get download -qq prometheus 2>/dev/null && dpkg-deb -x prometheus_*.deb unpacked; }

if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    mkdir -p "$folder" && folder=$(cd "$folder" && pwd)
    work=$(mktemp -d) && cd "$work" || exit 1
    # The lists of packages may be missing, as in a fresh container; root may fetch them.
    if fetch || { [ "$(id -u)" = 0 ] && apt-get update -qq && fetch; }; then
        mkdir -p "$folder/usr" && cp -R unpacked/usr/bin "$folder/usr"
    fi
    cd / && rm -rf "$work"
fi
if [ ! -x "$folder/usr/bin/promtool" ]; then
    echo "No Prometheus here: the tests of dashboards and alerts are skipped (they need prometheus and promtool in the path)." >&2
fi
