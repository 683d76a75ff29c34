#!/bin/sh
# Installs the Debian packages of which the tests run a program, where it may; else says what to do.
# Usage: test-tools.sh PROGRAM=PACKAGE…
missing=""
for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing="$missing ${pair##*=}"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    root=false
elif [ "$(id -u)" -eq 0 ]; then
    root=""
else
    root="sudo -n"
fi
# shellcheck disable=SC2086 # both are words
if $root true 2>/dev/null && $root env DEBIAN_FRONTEND=noninteractive sh -c \
    'apt-get install -qq -y --no-install-recommends "$@" || { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@"; }' \
    sh $missing >/dev/null; then
    exit 0
fi
echo "Some tests are skipped: install$missing (apt-get, or your system's packages of those names)." >&2
