// A layered layout of one level, linear in its members and lines; gradtrace/layout/layout.py describes the algorithm.

import { type Cell, connect } from "./cell";
import { alignPorts, place, SIDE_GAP } from "./layout_columns";
import { order } from "./layout_order";

export interface Vertex {
  width: number;
  height: number;
  /** -1: on the upper border, 1: on the lower border. */
  pin: -1 | 0 | 1;
}

/** From the vertex above to the one below; `fromAt` and `toAt` are distances from their left sides. */
export interface Segment {
  from: number;
  to: number;
  fromAt: number;
  toAt: number;
  /** Lines that start at the same place may be drawn apart there. */
  isSpread: boolean;
}

export interface Layout {
  width: number;
  height: number;
  /** Left and top of each vertex. */
  x: Float64Array;
  y: Float64Array;
  /** Points of cubic Bézier curves: a start, then two controls and an end for each piece. */
  routes: number[][];
}

const BEND_WIDTH = 8;
const LONGEST_BENT = 40;
const BENDS_PER_VERTEX = 12;
const LANE_GAP = 9;
const LANES = 12;
const SPREAD = 15;
const SPINE_WEIGHT = 12;

/** Vertices must stand in an order in which every segment leads onwards. */
export function layOut(vertices: Vertex[], segments: Segment[], layerGap: number): Layout {
  const { layers, isSpine } = layersOf(vertices, segments);
  const cells: Cell[] = vertices.map(({ width, height }, vertex) => ({
    width,
    height,
    layer: layers[vertex],
    centre: 0,
    vertex,
    above: [],
    below: [],
  }));
  const rows: Cell[][] = Array.from({ length: Math.max(0, ...layers) + 1 }, () => []);
  for (const cell of cells) rows[cell.layer].push(cell);
  const bends = bend(cells, rows, segments, isSpine);
  order(rows);
  alignPorts(vertices, segments, isSpine, cells);
  place(rows);
  return assembled(vertices, segments, cells, rows, bends, layerGap);
}

/** The layer of each vertex, and which segments lie on a longest path: these are drawn straight, so that long pictures do not drift. */
function layersOf(vertices: Vertex[], segments: Segment[]): { layers: Int32Array; isSpine: boolean[] } {
  const hasTop = vertices.some((vertex) => vertex.pin < 0);
  const layers = new Int32Array(vertices.length);
  const out: number[][] = vertices.map(() => []);
  const hasProducer = new Uint8Array(vertices.length);
  for (const { from, to } of segments) {
    out[from].push(to);
    hasProducer[to] = 1;
  }
  vertices.forEach((vertex, v) => {
    if (vertex.pin >= 0 && hasTop) layers[v] = 1;
  });
  let last = 0;
  const sequence = topological(out, vertices.length);
  for (const v of sequence) {
    for (const to of out[v]) layers[to] = Math.max(layers[to], layers[v] + 1);
    if (vertices[v].pin <= 0) last = Math.max(last, layers[v]);
  }
  const below = new Int32Array(vertices.length);
  for (const v of sequence.reverse()) for (const to of out[v]) below[v] = Math.max(below[v], below[to] + 1);
  const longest = Math.max(0, ...vertices.map((_, v) => layers[v] + below[v]));
  const isSpine = segments.map(
    ({ from, to }) => layers[to] === layers[from] + 1 && layers[from] + 1 + below[to] === longest,
  );
  vertices.forEach((vertex, v) => {
    if (vertex.pin > 0) layers[v] = last + 1;
    else if (vertex.pin === 0 && !hasProducer[v] && out[v].length)
      layers[v] = Math.min(...out[v].map((to) => layers[to])) - 1;
  });
  return { layers, isSpine };
}

function topological(out: number[][], n: number): number[] {
  const waiting = new Int32Array(n);
  for (const targets of out) for (const to of targets) waiting[to]++;
  const ready: number[] = [];
  for (let v = 0; v < n; v++) if (!waiting[v]) ready.push(v);
  for (let i = 0; i < ready.length; i++) for (const to of out[ready[i]]) if (!--waiting[to]) ready.push(to);
  return ready;
}

/** Gives long lines a bend in every layer on their way; null for one that takes a lane instead. */
function bend(cells: Cell[], rows: Cell[][], segments: Segment[], isSpine: boolean[]): (Cell[] | null)[] {
  let budget = BENDS_PER_VERTEX * cells.length + 200;
  return segments.map(({ from, to, fromAt, toAt }, i) => {
    const [upper, lower] = [cells[from], cells[to]];
    const span = lower.layer - upper.layer;
    if (span < 1 || span > LONGEST_BENT || span - 1 > budget) return null;
    budget -= span - 1;
    const chain: Cell[] = [];
    let previous = upper;
    let here = fromAt - upper.width / 2;
    for (let layer = upper.layer + 1; layer < lower.layer; layer++) {
      const cell: Cell = { width: BEND_WIDTH, height: 0, layer, centre: 0, vertex: -1, above: [], below: [] };
      rows[layer].push(cell);
      chain.push(cell);
      connect(previous, cell, here, 0, previous.vertex < 0 ? 8 : 2);
      [previous, here] = [cell, 0];
    }
    connect(previous, lower, here, toAt - lower.width / 2, previous.vertex < 0 ? 2 : isSpine[i] ? SPINE_WEIGHT : 1);
    return chain;
  });
}

function assembled(
  vertices: Vertex[],
  segments: Segment[],
  cells: Cell[],
  rows: Cell[][],
  bends: (Cell[] | null)[],
  layerGap: number,
): Layout {
  let left = Infinity;
  let right = -Infinity;
  for (const row of rows) {
    for (const cell of row) {
      left = Math.min(left, cell.centre - cell.width / 2);
      right = Math.max(right, cell.centre + cell.width / 2);
    }
  }
  if (left > right) return { width: 0, height: 0, x: new Float64Array(), y: new Float64Array(), routes: [] };
  const tops: number[] = [];
  const heights = rows.map((row) => Math.max(0, ...row.map((cell) => cell.height)));
  let top = 0;
  rows.forEach((row, layer) => {
    tops.push(top);
    const isBorder = row.every((cell) => cell.vertex < 0 || vertices[cell.vertex].pin !== 0);
    const isNextBorder =
      layer + 1 < rows.length && rows[layer + 1].every((cell) => cell.vertex < 0 || vertices[cell.vertex].pin !== 0);
    top += heights[layer] + (isBorder || isNextBorder ? layerGap * 0.6 : layerGap);
  });
  const height = tops[tops.length - 1] + heights[heights.length - 1];
  const x = Float64Array.from(cells, (cell) => cell.centre - cell.width / 2 - left);
  const y = Float64Array.from(cells, (cell) => tops[cell.layer] + (heights[cell.layer] - cell.height) / 2);
  let lanes = 0;
  const apart = spread(
    segments,
    (segment, i) => (bends[i]?.length ? bends[i][0].centre - left : x[segment.to] + segment.toAt),
    vertices,
  );
  const routes = segments.map(({ from, to, fromAt, toAt }, i) => {
    const start = [x[from] + fromAt + apart[i], y[from] + vertices[from].height];
    const end = [x[to] + toAt, y[to]];
    const chain = bends[i];
    if (chain) {
      const route = [...start];
      for (const cell of chain) {
        curve(route, cell.centre - left, tops[cell.layer]);
        curve(route, cell.centre - left, tops[cell.layer] + heights[cell.layer]);
      }
      curve(route, end[0], end[1]);
      return route;
    }
    const lane = right - left + SIDE_GAP / 2 + LANE_GAP * (lanes++ % LANES);
    const route = [...start];
    curve(route, lane, start[1] + layerGap);
    curve(route, lane, Math.max(start[1] + layerGap, end[1] - layerGap));
    curve(route, end[0], end[1]);
    return route;
  });
  return { width: right - left + (lanes ? SIDE_GAP / 2 + LANE_GAP * Math.min(lanes, LANES) : 0), height, x, y, routes };
}

/** How far each line starts beside its port, in the order in which the lines go apart. */
function spread(
  segments: Segment[],
  towards: (segment: Segment, i: number) => number,
  vertices: Vertex[],
): Float64Array {
  const shifts = new Float64Array(segments.length);
  const groups = new Map<string, number[]>();
  segments.forEach((segment, i) => {
    if (!segment.isSpread) return;
    const key = `${segment.from} ${segment.fromAt}`;
    const others = groups.get(key);
    if (others) others.push(i);
    else groups.set(key, [i]);
  });
  for (const group of groups.values()) {
    group.sort((a, b) => towards(segments[a], a) - towards(segments[b], b) || a - b);
    const { from, fromAt } = segments[group[0]];
    const room = Math.min(fromAt, vertices[from].width - fromAt) - 8;
    const gap = Math.max(0, Math.min(SPREAD, (2 * room) / group.length));
    for (const [k, i] of group.entries()) shifts[i] = (k - (group.length - 1) / 2) * gap;
  }
  return shifts;
}

/** Adds a piece that leaves and arrives vertically. */
function curve(route: number[], x: number, y: number): void {
  const fromX = route[route.length - 2];
  const fromY = route[route.length - 1];
  const middle = (fromY + y) / 2;
  route.push(fromX, middle, x, middle, x, y);
}
