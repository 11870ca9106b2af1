// Numbers read as in gradtrace's other formats.

import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, bytes, count, elements, number, plus } from "../src/numbers";
import type { Stats } from "../src/trace";

const stats = (fields: Partial<Stats>): Stats => ({
  spec: "f32[2]",
  numel: 2,
  norm: null,
  min: null,
  max: null,
  mean: null,
  nan: null,
  inf: null,
  zero: null,
  value: null,
  ...fields,
});

test("numbers have four digits, whole ones all of them", () => {
  const cases: [number | string | boolean, string][] = [
    [0, "0"],
    [54, "54"],
    [0.123456, "0.1235"],
    [123456.7, "123457"],
    [1e7, "1e+07"],
    [1.5e-9, "1.5e-09"],
    [-2.5, "-2.5"],
    [Number.NaN, "NaN"],
    ["-inf", "-Inf"],
    [Infinity, "Inf"],
    [true, "true"],
    ["1+2j", "1+2j"],
  ];
  for (const [value, text] of cases) assert.equal(number(value), text);
});

test("counts, and bytes in thousands", () => {
  assert.deepEqual([count(1, "leaf", "leaves"), count(1234, "node")], ["1 leaf", "1,234 nodes"]);
  assert.deepEqual([bytes(0), bytes(999), bytes(1500), bytes(2_500_000)], ["0 B", "999 B", "1.5 kB", "2.5 MB"]);
});

test("elements keep their nesting", () => {
  assert.equal(elements('[[1,"nan"],[0.5,"-inf"]]'), "[[1, NaN], [0.5, -Inf]]");
});

test("a tensor in short: its elements while they are few, else its norm, and what is not finite", () => {
  assert.equal(brief(null), "None");
  assert.equal(brief(stats({ numel: 0 })), "empty");
  assert.equal(brief(stats({ value: "[1,2]", norm: 2.236 })), "[1, 2]");
  assert.equal(brief(stats({ value: "[1,2]", norm: 2.236 }), "x", 3), "|x| 2.236");
  assert.equal(brief(stats({ norm: Number.NaN, nan: 2 })), "|g| NaN (2 NaN)");
});

test("what was added stands behind with its sign, and a norm does not", () => {
  assert.equal(plus(stats({ numel: 1, value: "-0.5", norm: 0.5 })), " (-0.5)");
  assert.equal(plus(stats({ value: "[1,2]", norm: 2.236 })), " (+[1, 2])");
  assert.deepEqual([plus(stats({ norm: 3 })), plus(null)], ["", ""]);
});
