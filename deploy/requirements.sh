#!/bin/sh
# Names everything that the machine lacks, with the command that installs it, before anything is downloaded.
# Usage: requirements.sh PYTHON
python=$1
missing=0

case $(uname -s) in
Darwin) install="brew install" packages="python@3.12 openjdk@17 maven" ;;
*)
    if command -v dnf >/dev/null; then
        install="sudo dnf install" packages="python3.12 java-17-openjdk-headless maven"
    else
        install="sudo apt-get install" packages="python3-venv openjdk-17-jre-headless maven"
    fi
    ;;
esac
# shellcheck disable=SC2086 # the three names are words
set -- $packages

lacks() { # what, package
    echo "headwater needs $1: $install $2" >&2
    missing=1
}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    found=$("$python" --version 2>&1) || found="none"
    lacks "Python 3.11 or newer (found: $found; another one: make PYTHON=python3.12 …)" "$1"
elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    lacks "Python's venv module" "$1"
fi

java=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
if [ "${java:-0}" -lt 17 ]; then
    lacks "Java 17 or newer (found: ${java:-none})" "$2"
fi

if ! command -v mvn >/dev/null; then
    lacks "Maven" "$3"
fi

exit $missing
