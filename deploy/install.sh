#!/bin/sh
# Installs this clone, with what training and the tests need, into a virtual environment.
# Usage: install.sh UV PYTHON
# Where there is no GPU, torch's own build for the CPU is preferred, a tenth of the registry's in
# size. It comes from an index that not every network reaches: that is found out in a few seconds.
# Byte code is written now, half a minute once: where PYTHONDONTWRITEBYTECODE is set, every start of
# a worker would take 2 s more processor time.
set -u
uv=$1
python=$2

has_gpu() { nvidia-smi >/dev/null 2>&1; }

offers_cpu_build() { # asks the index alone: nothing is downloaded or changed
    UV_HTTP_TIMEOUT=4 UV_HTTP_RETRIES=0 "$uv" pip install --quiet --python "$python" --dry-run \
        --no-deps --reinstall-package torch --torch-backend=cpu torch >/dev/null 2>&1
}

install() { # further flags
    "$uv" pip install --quiet --python "$python" --compile-bytecode --group dev \
        --editable '.[train]' "$@"
}

if has_gpu; then
    install
elif ! offers_cpu_build || ! install --torch-backend=cpu; then
    echo "torch's build for the CPU is out of reach: installing the registry's, some GB." >&2
    install
fi
