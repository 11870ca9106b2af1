// What the charts plot was measured.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accumulates, barHeights, scalar } from "../src/chart";
import { addedNorm, measuredPasses } from "../src/run_chart";
import type { Stats } from "../src/trace";
import { traceOf } from "./traces";

test("the norm of a pass is that of what it added to all leaves", async () => {
  const trace = await traceOf("product");
  const [pass] = trace.passes;
  const added = pass.accumulations.map((row) => trace.measured(row.added)!.norm!);
  assert.equal(addedNorm(trace, pass), Math.hypot(...added));
  assert.deepEqual(
    measuredPasses(trace).map(({ loss }) => loss),
    [0.5, 0.5, 0.5],
  );
});

test("where one leaf was not measured nothing is said of the norm", async () => {
  const trace = await traceOf("product");
  trace.passes[1].accumulations[0].isMeasured = false;
  assert.equal(addedNorm(trace, trace.passes[1]), null);
});

test("a loss that is NaN is NaN, and what has several elements has no value", () => {
  const stats = (value: string | null, numel = 1) => ({ numel, value }) as Stats;
  assert.deepEqual(
    [scalar(stats('"nan"')), scalar(stats("[[2.5]]")), scalar(stats('"-inf"'))],
    [Number.NaN, 2.5, -Infinity],
  );
  assert.deepEqual([scalar(stats(null)), scalar(stats("[1,2]", 2)), scalar(stats('"1+2j"'))], [null, null, null]);
});

test("what autograd.grad returned was added to no leaf", async () => {
  const trace = await traceOf("product");
  for (const row of trace.passes[0].accumulations) row.effect = "not stored";
  assert.equal(addedNorm(trace, trace.passes[0]), null);
  assert.equal(barHeights(trace, 0)[0], 0);
});

test("a line of what .grad held is drawn only where passes add up", async () => {
  const product = await traceOf("product");
  assert.ok(accumulates(product, 0));
  for (const pass of product.passes) for (const row of pass.accumulations) row.before = -1;
  assert.ok(!accumulates(product, 0));
});
