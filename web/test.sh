#!/usr/bin/env bash
# Run the tests of the page's modules with node's own runner; esbuild bundles them first, for any node from 20 on.
set -euo pipefail
cd "$(dirname "$0")"
built="$(mktemp -d)"
trap 'rm -rf "$built"' EXIT
node_modules/.bin/esbuild tests/*.test.ts --bundle --platform=node --format=esm --log-level=warning \
  --outdir="$built" --out-extension:.js=.mjs
node --test --test-reporter=dot "$built"/*.mjs
