// Levels, the scene and the walk through it, on graphs that Python recorded.

import assert from "node:assert/strict";
import { test } from "node:test";
import { levelOf } from "../src/level";
import type { Item } from "../src/scene";
import { along, first, sideways } from "../src/walk";
import { shown } from "./traces";

const up = (item: Item) => [item, (wire: { to: Item }) => wire.to, (wire: { from: Item }) => wire.from, -1] as const;

test("members of a level stand in forward order: what a node was made from before it, its root after it", async () => {
  const { trace, graph } = await shown("product");
  const { members, lines } = levelOf(graph, 0, trace.passes[0]);
  assert.deepEqual(members.map(({ kind }) => kind).sort(), ["leaf", "leaf", "node", "node", "root"]);
  assert.ok(lines.every(({ from, to }) => from < to));
});

test("borders stand first and last, so that the layout can pin them", async () => {
  const { trace, graph } = await shown("modules");
  for (let box = 1; box < graph.nBoxes; box++) {
    const kinds = levelOf(graph, box, trace.passes[0]).members.map(({ kind }) => kind);
    assert.ok(kinds.lastIndexOf("in") < kinds.findIndex((kind) => kind !== "in"), `in ${box}`);
    const out = kinds.indexOf("out");
    assert.ok(out < 0 || kinds.slice(out).every((kind) => kind === "out"), `out ${box}`);
  }
});

test("a line that crosses a border goes on inside, from the same place", async () => {
  const { graph, scene } = await shown("modules");
  scene.openAll();
  let crossed = 0;
  for (const outer of scene.wires) {
    if (!outer.to.isOpen) continue;
    const inner = scene.wires.filter(({ from, points }) => from.kind === "in" && points[1] === outer.to.y);
    const [x, y] = outer.points.slice(-2);
    assert.ok(
      inner.some(({ points }) => Math.hypot(points[0] - x, points[1] - y) < 0.01),
      graph.boxTitle(outer.to.ref),
    );
    crossed++;
  }
  assert.ok(crossed > 0);
});

test("open boxes hold what is in them, and nothing overlaps", async () => {
  const { scene } = await shown("modules");
  scene.openAll();
  const closed = scene.items.filter(({ isOpen, width }) => !isOpen && width > 0);
  closed.forEach((one, i) => {
    for (const other of closed.slice(0, i)) {
      const isApart =
        one.x >= other.x + other.width ||
        other.x >= one.x + one.width ||
        one.y >= other.y + other.height ||
        other.y >= one.y + one.height;
      assert.ok(isApart, `${one.title} on ${other.title}`);
    }
  });
});

test("what is open stays open from pass to pass by its name", async () => {
  const { graph, scene } = await shown("modules");
  scene.closeAll();
  assert.equal(scene.items.filter(({ kind }) => kind === "box").length, graph.inner[0].length);
  scene.reveal("node", graph.inOrder[0]);
  assert.ok(scene.openPaths().size > 1);
});

test("the arrow keys go from the root along the strongest gradient to a leaf", async () => {
  const { scene } = await shown("product");
  const titles = [];
  for (let item = first(scene); item && titles.length < 9; item = along(scene, ...up(item))) {
    titles.push(item.title);
    if (item.kind === "leaf") break;
  }
  assert.deepEqual(titles, ["mul", "mul", "w"]);
  assert.equal(sideways(scene, scene.items.find(({ title }) => title === "w")!, 1)?.title, "y");
});

test("a cut stands at what took it in, and boxes say their forward values", async () => {
  const { scene } = await shown("cut");
  const cut = scene.itemOfCut(0)!;
  assert.equal(cut.kind, "cut");
  assert.ok(scene.wires.some(({ from }) => from === cut));
  const product = await shown("product");
  assert.match(product.scene.itemOf(0)!.detail, /^f32\[\] = 0\.5$/);
});
