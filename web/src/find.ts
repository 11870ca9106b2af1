// What a search finds: leaves, modules, operations and source lines, the best match first.

import type { Selection } from "./app";
import type { PassGraph } from "./graph";
import { placeText } from "./source";
import type { Trace } from "./trace";

export interface Hit {
  selection: Selection;
  title: string;
  where: string;
  rank: number;
}

const SHOWN = 60;
/** With more hits than this nobody looks for the best. */
const MOST = 4000;
const NO_MATCH = Infinity;

/** How well a text fits: 0 exactly, then at its beginning, at the beginning of a word, anywhere. */
function rankOf(text: string, wanted: string): number {
  if (text === wanted) return 0;
  if (text.startsWith(wanted)) return 1;
  if (text.split(/[.\s]/).some((word) => word.startsWith(wanted))) return 2;
  return text.includes(wanted) ? 3 : NO_MATCH;
}

/** The hits for what was typed; of nodes and modules only those of the graph that is shown. */
export function find(trace: Trace, graph: PassGraph | null, typed: string): Hit[] {
  const wanted = typed.trim().toLowerCase();
  if (!wanted) return [];
  const hits: Hit[] = [];
  for (const { id, name, spec } of trace.leaves) {
    const rank = rankOf(name.toLowerCase(), wanted);
    if (rank < NO_MATCH) hits.push({ selection: { kind: "leaf", ref: id }, title: name, where: `leaf ${spec}`, rank });
  }
  if (graph) hits.push(...boxHits(trace, graph, wanted), ...nodeHits(trace, graph, wanted));
  return hits.sort((a, b) => a.rank - b.rank).slice(0, SHOWN);
}

function* boxHits(trace: Trace, graph: PassGraph, wanted: string): Generator<Hit> {
  for (let box = 1; box < graph.nBoxes; box++) {
    const path = trace.text(graph.boxes.path[box]) ?? "";
    const rank = path.includes("#") ? NO_MATCH : rankOf(path.toLowerCase(), wanted);
    if (rank === NO_MATCH) continue;
    const where = trace.text(graph.boxes.type[box]) ?? "module";
    yield { selection: { kind: "box", ref: box }, title: path, where, rank: rank + 0.2 };
  }
}

function* nodeHits(trace: Trace, graph: PassGraph, wanted: string): Generator<Hit> {
  // A text and a place belong to many nodes: each is compared once.
  const textRank = remembered((text) => (text < 0 ? NO_MATCH : rankOf((trace.text(text) ?? "").toLowerCase(), wanted)));
  const placeRank = remembered((place) => rankOfPlace(trace, place, wanted));
  const { name, op, type, place, module } = graph.nodes;
  let n = 0;
  for (const node of graph.inOrder) {
    const placed = placeRank(place[node]);
    const rank = Math.min(textRank(name[node]), textRank(op[node]) + 0.5, textRank(type[node]) + 0.6, placed);
    if (rank === NO_MATCH) continue;
    if (++n > MOST) return;
    const at = trace.place(place[node]);
    const where = [trace.text(module[node]), at ? placeText(at) : ""].filter(Boolean).join(" · ");
    yield { selection: { kind: "node", ref: node }, title: graph.title(node), where, rank: rank + 0.3 };
  }
}

/** `net.py:14` exactly, and words of the source line after everything else. */
function rankOfPlace(trace: Trace, place: number, wanted: string): number {
  const at = trace.place(place);
  if (!at) return NO_MATCH;
  if (`${placeText(at).toLowerCase()}:`.startsWith(wanted.endsWith(":") ? wanted : `${wanted}:`)) return 0;
  return !wanted.includes(":") && at.text.toLowerCase().includes(wanted) ? 5 : NO_MATCH;
}

function remembered(find: (key: number) => number): (key: number) => number {
  const known = new Map<number, number>();
  return (key) => {
    let found = known.get(key);
    if (found === undefined) known.set(key, (found = find(key)));
    return found;
  };
}
