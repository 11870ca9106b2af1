// The graph of a pass finds what belongs to a node, and the box in which a node stands.

import assert from "node:assert/strict";
import { test } from "node:test";
import { shown } from "./traces";

test("every edge is one that its source sends and its target receives", async () => {
  const { graph } = await shown("modules");
  const { source, target } = graph.edges;
  for (let edge = 0; edge < graph.nEdges; edge++) {
    assert.ok([...graph.rows(graph.sends, source[edge])].includes(edge));
    assert.ok([...graph.rows(graph.receives, target[edge])].includes(edge));
  }
});

test("the box of a position is the innermost that holds it", async () => {
  const { graph } = await shown("modules");
  const { start, end } = graph.boxes;
  graph.inOrder.forEach((node, position) => {
    const box = graph.boxAt(position);
    assert.ok(start[box] <= position && position < end[box]);
    assert.ok(graph.inner[box].every((inner) => position < start[inner] || position >= end[inner]));
    assert.deepEqual(graph.around(box).at(-1) ?? 0, box);
    assert.equal(graph.home(node), box);
  });
});

test("each step of the engine is the node that ran then", async () => {
  const { graph } = await shown("product");
  graph.ranAt.forEach((node, step) => {
    assert.equal(graph.nodes.order[node], step);
  });
});
