#!/bin/sh
# The greeting greets, in the image that will serve it.
set -eu
grep -q '^hello' index.html
cmp index.html /www/index.html
