#!/bin/sh
# Pins requirements/*.in, with the hashes of every file of each version, for all platforms that Beth supports.
# Run with the oldest Python that Beth supports, so that the pins hold for the newer ones too.
set -eu
cd "$(dirname "$0")/.."

PIP_TOOLS=7.6.2
tools=.cache/pip-tools-$PIP_TOOLS
[ -x "$tools/bin/pip-compile" ] || {
    .venv/bin/python -m venv "$tools"
    "$tools/bin/pip" install --quiet "pip-tools==$PIP_TOOLS"
}

# Wheels that happen to lie on this machine must not decide what everybody installs.
unset PIP_FIND_LINKS || true
for input in requirements/*.in; do
    echo "requirements: pinning $input"
    CUSTOM_COMPILE_COMMAND="make requirements" "$tools/bin/pip-compile" --quiet --generate-hashes --strip-extras \
        --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host "$@" \
        --output-file "${input%.in}.txt" "$input"
done
