// The search finds names, modules, operations and source lines, the best first.

import assert from "node:assert/strict";
import { test } from "node:test";
import { find } from "../src/find";
import { shown } from "./traces";

test("a leaf's own name comes before everything that only holds it", async () => {
  const { trace, graph } = await shown("modules");
  const hits = find(trace, graph, "  net.head.WEIGHT ");
  assert.deepEqual(hits[0].selection, {
    kind: "leaf",
    ref: trace.leaves.findIndex(({ name }) => name === "net.head.weight"),
  });
});

test("modules, operations, and source lines by file and number", async () => {
  const { trace, graph } = await shown("modules");
  assert.equal(find(trace, graph, "net.layers.1")[0].selection?.kind, "box");
  assert.ok(find(trace, graph, "relu").every(({ title }) => title.startsWith("relu")));
  const lines = find(trace, graph, "net.py:14");
  assert.ok(lines.length > 0 && lines.every(({ where }) => where.endsWith("net.py:14")));
});

test("nothing was typed, or nothing fits", async () => {
  const { trace, graph } = await shown("product");
  assert.deepEqual([find(trace, graph, " "), find(trace, graph, "no such thing")], [[], []]);
});

test("without a graph the leaves are found", async () => {
  const { trace } = await shown("product");
  assert.deepEqual(
    find(trace, null, "w").map(({ title }) => title),
    ["w"],
  );
});
