// Traces as Python packs them (tests/page_cases.json), and the little of a browser that laying out needs.

import packed from "../../tests/page_cases.json";
import type { PassGraph } from "../src/graph";
import { Scene } from "../src/scene";
import { Trace } from "../src/trace";

export const columns = packed.columns;

/** Letters seven units wide. */
const context = { font: "", measureText: (text: string) => ({ width: 7 * text.length }) };
Object.assign(globalThis, { document: { createElement: () => ({ getContext: () => context }) } });

export function traceOf(name: "product" | "modules" | "accumulate" | "cut"): Promise<Trace> {
  return Trace.read(packed[name]);
}

export interface Shown {
  trace: Trace;
  graph: PassGraph;
  scene: Scene;
}

export async function shown(name: "product" | "modules" | "accumulate" | "cut"): Promise<Shown> {
  const trace = await traceOf(name);
  const graph = trace.passes[0].graph()!;
  return { trace, graph, scene: new Scene(trace, trace.passes[0], graph, null) };
}
