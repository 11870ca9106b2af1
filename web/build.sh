#!/usr/bin/env bash
# Build the page's script and style into the package. `build.sh --check` only says whether the committed ones are up to date.
set -euo pipefail
cd "$(dirname "$0")"
target=../gradtrace/renderers/page/assets
[ -d node_modules ] || npm ci --silent
out="$target"
if [ "${1:-}" = "--check" ]; then
  out="$(mktemp -d)"
  trap 'rm -rf "$out"' EXIT
fi
node_modules/.bin/tsc --noEmit
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
