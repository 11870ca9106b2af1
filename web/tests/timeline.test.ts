// What stands in .grad at a moment: during a pass, and after the events that follow it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventText, Timeline } from "../src/timeline";
import { traceOf } from "./traces";

test("a leaf holds what it held until its node has run, then what the pass made of it", async () => {
  const trace = await traceOf("product");
  const timeline = new Timeline(trace);
  const pass = trace.passes[1];
  const graph = pass.graph()!;
  const row = pass.byLeaf.get(0)!;
  const step = graph.nodes.order[graph.nodesOfLeaf.get(0)![0]];
  assert.equal(timeline.leaf(0, { pass, graph, time: step }).stats, row.before);
  assert.equal(timeline.leaf(0, { pass, graph, time: step + 1 }).stats, row.after);
});

test("after zero_grad to None nothing stands there, and step leaves .grad as it is", async () => {
  const trace = await traceOf("accumulate");
  const timeline = new Timeline(trace);
  const pass = trace.passes[3];
  const graph = pass.graph();
  const steps = timeline.steps(pass);
  assert.deepEqual(timeline.events(pass).map(eventText), [
    "SGD.step: parameters are updated from .grad",
    "SGD.zero_grad: .grad becomes None",
  ]);
  const at = (time: number) => timeline.leaf(0, { pass, graph, time });
  assert.equal(at(steps).stats, at(steps + 1).stats);
  assert.ok(at(steps + 1).isStepped);
  assert.equal(at(steps + 2).stats, -1);
});

test("what was never measured is not known", async () => {
  const trace = await traceOf("accumulate");
  const pass = trace.passes[0];
  for (const row of pass.accumulations) row.isMeasured = false;
  const { stats, kind } = new Timeline(trace).leaf(0, { pass, graph: pass.graph(), time: 0 });
  assert.deepEqual([stats, kind], [null, "unknown"]);
});
