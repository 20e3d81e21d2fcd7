#!/bin/sh
# Makes .venv ready for work: finds a Python that is new enough and lets scripts/environment.py do the rest.
set -eu
cd "$(dirname "$0")/.."

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

for python in "${PYTHON:-python3}" python3.11 python3.12 python3.13; do
    if new_enough "$python"; then
        unset PYTHONHOME PYTHONPATH PIP_PREFIX PIP_TARGET PIP_USER || true
        exec "$python" -m scripts.environment
    fi
    # A Python that was asked for by name is not replaced by another one.
    [ -z "${PYTHON:-}" ] || break
done

here="$("${PYTHON:-python3}" -c 'import platform; print(platform.python_version())' 2>/dev/null || echo missing)"
echo "error: Beth needs Python 3.11 or newer, and ${PYTHON:-python3} here is ${here}: install one, or name it with make PYTHON=/path/to/python3" >&2
exit 1
