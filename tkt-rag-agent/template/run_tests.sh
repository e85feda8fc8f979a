#!/bin/sh
# The whole suite, evaluation included; with arguments, only what they name.
# Makes an environment of its own when pytest is not installed where it runs.
set -eu
cd "$(dirname "$0")"
if ! python -c 'import pytest, langchain_qdrant' 2>/dev/null; then
    [ -x .venv-test/bin/python ] || python3 -m venv .venv-test
    .venv-test/bin/python -m pip install --quiet -r requirements.txt -r requirements-dev.txt
    PATH="$PWD/.venv-test/bin:$PATH"
fi
exec python -m pytest "$@"
