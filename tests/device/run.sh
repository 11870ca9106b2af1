#!/usr/bin/env bash
# Checks gradtrace on an accelerator, in under four minutes; `DEVICE=cpu bash tests/device/run.sh` runs here what a CPU can show.
#
#     [DEVICE=cuda] [PYTHON=python3] [WHEELS=folder] bash tests/device/run.sh [WORD of a check ...]
#
# It needs an interpreter with torch. The few pure packages that gradtrace needs besides are taken from that interpreter,
# or from a folder of wheels (WHEELS, `pip download msgspec pyyaml rich sympy typer -d FOLDER`), into an environment of
# its own that sees the interpreter's torch. Prints figures; the status is 1 if anything is wrong.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

PYTHON=${PYTHON:-$([[ -x .venv/bin/python ]] && echo .venv/bin/python || command -v python3)}
export DEVICE=${DEVICE:-cuda} PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} PYTHONDONTWRITEBYTECODE=1

if ! "$PYTHON" -c 'import msgspec, rich, sympy, typer, yaml' 2> /dev/null; then
  environment=$(mktemp -d)
  trap 'rm -rf "$environment"' EXIT
  "$PYTHON" -m venv --system-site-packages --without-pip "$environment"
  "$PYTHON" -m pip install -q --target "$(echo "$environment"/lib/python3*/site-packages)" \
    ${WHEELS:+--no-index --find-links "$WHEELS"} msgspec pyyaml rich typer
  PYTHON=$environment/bin/python
fi
"$PYTHON" -c 'import sys, torch; print(f"Python {sys.version.split()[0]}, torch {torch.__version__}", torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device")'
"$PYTHON" tests/device/checks.py "$@"
