// Norms become widths and colours on one scale.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Scale, type Theme } from "../src/palette";

test("the scale spans what was measured, at least a decade and at most eight", () => {
  const narrow = Scale.of([1, 2])!;
  assert.ok(Math.abs(narrow.high / narrow.low - 10) < 1e-9);
  const wide = Scale.of([1e-30, 1])!;
  assert.deepEqual([wide.low, wide.high], [1e-8, 1]);
});

test("zeros and what is not finite have no part in it", () => {
  assert.equal(Scale.of([0, Number.NaN, Infinity]), null);
});

test("the largest gradient has the last colour, and nothing runs off the ramp", () => {
  const scale = Scale.of([0.001, 1])!;
  const theme = { ramp: ["a", "b", "c"] } as Theme;
  assert.deepEqual(
    [0.0001, 0.03, 1, 50].map((norm) => scale.colour(norm, theme)),
    ["a", "b", "c", "c"],
  );
  assert.deepEqual([scale.width(0.001), scale.width(1)], [1, 5]);
});
