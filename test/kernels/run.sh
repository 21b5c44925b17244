#!/bin/sh
# The suite `kernels` of scripts/test.mjs.
root=$(cd "$(dirname "$0")/../.." && pwd)
exec "$root/node_modules/.bin/node" "$root/scripts/kernel-matrix.mjs" "$@"
