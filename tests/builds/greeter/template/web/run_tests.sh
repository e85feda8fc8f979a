#!/bin/sh
# The greeting greets, in the image that will serve it.
set -eu
grep -q '^hello' index.html || { echo "this greets nobody: $(cat index.html)"; exit 1; }
cmp index.html /www/index.html
