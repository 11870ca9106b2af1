// A line between two visible items: its shape, and what was sent along it.

import type { PassGraph } from "./graph";
import type { Line } from "./level";
import type { Item } from "./scene";
import type { Pass, Trace } from "./trace";

export interface Wire {
  line: Line;
  from: Item;
  to: Item;
  /** A start, then two controls and an end for each piece; from producer down to consumer. */
  points: number[];
  left: number;
  top: number;
  right: number;
  bottom: number;
  /** Largest norm sent along it; NaN when none was measured. */
  norm: number;
  /** Number of edges along which something was sent. */
  nSent: number;
  isBad: boolean;
  /** First and last step at which something is sent; -1 when never. */
  first: number;
  last: number;
  label: Label | null;
}

/** What was sent, and where it stands: its left and its middle. */
export interface Label {
  text: string;
  x: number;
  y: number;
}

export function wireOf(
  trace: Trace,
  pass: Pass,
  graph: PassGraph,
  line: Line,
  items: Item[],
  points: number[],
  label: Label | null,
): Wire {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points.length; i += 2) {
    left = Math.min(left, points[i]);
    right = Math.max(right, points[i]);
    top = Math.min(top, points[i + 1]);
    bottom = Math.max(bottom, points[i + 1]);
  }
  const { edges, nodes } = graph;
  const root = items[line.to].kind === "root" ? pass.roots[items[line.to].ref] : null;
  const sent = root ? [root.gradient] : line.edges.map((edge) => edges.sent[edge]);
  let [norm, first, last, nSent, isBad] = [NaN, -1, -1, 0, false];
  sent.forEach((stats, i) => {
    if (stats < 0) return;
    nSent++;
    isBad ||= trace.isBad(stats);
    const size = trace.norms[stats];
    if (!(norm >= size)) norm = size;
    const step = root ? -1 : nodes.order[edges.source[line.edges[i]]];
    if (first < 0 || step < first) first = step;
    last = Math.max(last, step);
  });
  return {
    line,
    from: items[line.from],
    to: items[line.to],
    points,
    left,
    top,
    right,
    bottom,
    norm,
    nSent,
    isBad,
    first,
    last,
    label,
  };
}

/** How far a point is from the line, nearly. */
export function distanceTo(points: number[], x: number, y: number): number {
  let best = Infinity;
  for (let i = 2; i < points.length; i += 6) {
    for (let k = 0; k <= 16; k++) {
      const [px, py] = pointOn(points, i, k / 16);
      best = Math.min(best, Math.hypot(px - x, py - y));
    }
  }
  return best;
}

/** The point at fraction `t` of the piece whose first control is at index `i`. */
export function pointOn(points: number[], i: number, t: number): [number, number] {
  const s = 1 - t;
  const [a, b, c, d] = [s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t];
  return [
    a * points[i - 2] + b * points[i] + c * points[i + 2] + d * points[i + 4],
    a * points[i - 1] + b * points[i + 1] + c * points[i + 3] + d * points[i + 5],
  ];
}
