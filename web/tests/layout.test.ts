// The page's layout puts everything where gradtrace/layout does: the cases come from the Python engine.

import assert from "node:assert/strict";
import { test } from "node:test";
import cases from "../../tests/layout_cases.json";
import { arrange } from "../src/layout/layers";
import type { Segment } from "../src/layout/level";

type Label = [number, number] | null;
type Row = [upper: number, upperPort: number | null, lower: number, lowerPort: number | null, label: Label];

const segment = ([upper, upperPort, lower, lowerPort, label]: Row): Segment => ({
  upper,
  upperPort,
  lower,
  lowerPort,
  label,
});

function near(actual: number[], expected: number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]) < 2e-4, `${what}: ${value} is not ${expected[i]} at ${i}`);
  });
}

for (const { name, graph, size, positions, labels, routes } of cases) {
  test(`layout of ${name}`, () => {
    const sizes = graph.sizes as [number, number][];
    const placed = arrange({ ...graph, sizes, segments: (graph.segments as Row[]).map(segment) });
    near([placed.width, placed.height], size, "size");
    near(placed.positions.flat(), (positions as number[][]).flat(), "positions");
    near(
      placed.labels.flatMap((at) => at ?? [-1, -1]),
      (labels as Label[]).flatMap((at) => at ?? [-1, -1]),
      "labels",
    );
    placed.routes.forEach((route, i) => {
      near(route, (routes as number[][])[i], `route ${i}`);
    });
  });
}
