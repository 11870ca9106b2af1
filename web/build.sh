#!/usr/bin/env bash
# Format, lint and test the page's sources, and build its script and style into the package.
# `build.sh --check` changes nothing: it only says whether sources and committed assets are as they should be.
set -euo pipefail
cd "$(dirname "$0")"
target=../gradtrace/renderers/page/assets
# Again after a change of the versions, and not with every run.
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent
out="$target"
if [ "${1:-}" = "--check" ]; then
  out="$(mktemp -d)"
  trap 'rm -rf "$out"' EXIT
  node_modules/.bin/biome ci --log-level=warn
else
  node_modules/.bin/biome check --write --log-level=warn
fi
node_modules/.bin/tsc --noEmit
bash test.sh
node_modules/.bin/esbuild src/main.ts --bundle --minify --format=iife --target=es2022 --charset=ascii --legal-comments=none \
  --log-level=warning --outfile="$out/page.js"
node_modules/.bin/esbuild src/page.css --minify --target=es2022 --log-level=warning --outfile="$out/page.css"
cp src/page.html "$out/page.html"
if [ "${1:-}" = "--check" ]; then
  for file in page.js page.css page.html; do
    cmp -s "$out/$file" "$target/$file" || { echo "$file is stale: run web/build.sh and commit the result" >&2; exit 1; }
  done
  echo "the page's assets are up to date"
fi
