// A layered layout of one level, linear in its members and lines; gradtrace/renderers/layout.py describes the algorithm.

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

const SIDE_GAP = 22;
const BEND_WIDTH = 8;
const BEND_GAP = 12;
const LONGEST_BENT = 40;
const BENDS_PER_VERTEX = 12;
const LANE_GAP = 9;
const LANES = 12;
const SPREAD = 15;
const SPINE_WEIGHT = 12;
const PORT_WEIGHT = 40;

/** A vertex or a bend of a long line. */
interface Cell {
  width: number;
  height: number;
  layer: number;
  centre: number;
  vertex: number;
  above: Link[];
  below: Link[];
}

/** To another cell; `here` and `there` are distances from the centres. */
interface Link {
  cell: Cell;
  here: number;
  there: number;
  weight: number;
}

/** Vertices must stand in an order in which every segment leads onwards. */
export function layOut(vertices: Vertex[], segments: Segment[], layerGap: number): Layout {
  const { layers, isSpine } = layersOf(vertices, segments);
  const cells: Cell[] = vertices.map(({ width, height }, vertex) => ({
    width, height, layer: layers[vertex], centre: 0, vertex, above: [], below: [],
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
  const isSpine = segments.map(({ from, to }) => layers[to] === layers[from] + 1 && layers[from] + 1 + below[to] === longest);
  vertices.forEach((vertex, v) => {
    if (vertex.pin > 0) layers[v] = last + 1;
    else if (vertex.pin === 0 && !hasProducer[v] && out[v].length) layers[v] = Math.min(...out[v].map((to) => layers[to])) - 1;
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

function connect(upper: Cell, lower: Cell, here: number, there: number, weight: number): void {
  upper.below.push({ cell: lower, here, there, weight });
  lower.above.push({ cell: upper, here: there, there: here, weight });
}

/** Orders each layer by where its neighbours stand; keeps the order with the fewest crossings. */
function order(rows: Cell[][]): void {
  const spread = (row: Cell[]) => row.forEach((cell, i) => (cell.centre = i));
  rows.forEach(spread);
  let best = rows.map((row) => [...row]);
  let fewest = crossings(rows);
  for (let sweep = 0; sweep < 8 && fewest > 0; sweep++) {
    const isDown = sweep % 2 === 0;
    const sequence = isDown ? rows : [...rows].reverse();
    for (const row of sequence) {
      const wish = new Map(row.map((cell) => [cell, barycentre(cell, isDown ? cell.above : cell.below)]));
      row.sort((a, b) => wish.get(a)! - wish.get(b)!);
      spread(row);
    }
    const n = crossings(rows);
    if (n < fewest) {
      fewest = n;
      best = rows.map((row) => [...row]);
    }
  }
  best.forEach((row, i) => {
    rows[i].splice(0, row.length, ...row);
    spread(row);
  });
}

function barycentre(cell: Cell, links: Link[]): number {
  if (!links.length) return cell.centre;
  let sum = 0;
  for (const link of links) sum += link.cell.centre + link.there / (link.cell.width + 1);
  return sum / links.length;
}

function crossings(rows: Cell[][]): number {
  let n = 0;
  for (const row of rows) {
    const ends: [number, number][] = [];
    for (const cell of row) {
      for (const link of cell.below) {
        ends.push([cell.centre + link.here / (cell.width + 1), link.cell.centre + link.there / (link.cell.width + 1)]);
      }
    }
    ends.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    n += inversions(ends.map((end) => end[1]));
  }
  return n;
}

function inversions(values: number[]): number {
  if (values.length < 2) return 0;
  const middle = values.length >> 1;
  const [left, right] = [values.slice(0, middle), values.slice(middle)];
  let n = inversions(left) + inversions(right);
  for (let i = 0, j = 0, k = 0; k < values.length; k++) {
    if (j >= right.length || (i < left.length && left[i] <= right[j])) values[k] = left[i++];
    else {
      n += left.length - i;
      values[k] = right[j++];
    }
  }
  return n;
}

/** What enters a box shall leave it below the same place, so that boxes stand below each other. */
function alignPorts(vertices: Vertex[], segments: Segment[], isSpine: boolean[], cells: Cell[]): void {
  const enters = segments.find((segment, i) => isSpine[i] && vertices[segment.from].pin < 0);
  const leaves = segments.find((segment) => vertices[segment.to].pin > 0);
  if (enters && leaves) connect(cells[enters.from], cells[leaves.to], 0, 0, PORT_WEIGHT);
}

/** Columns: each cell wants to stand at the mean of its neighbours, and a layer comes as near to its wishes as it can. */
function place(rows: Cell[][]): void {
  for (const row of rows) settle(row, row.map(() => 0), row.map(() => 1));
  const both = (cell: Cell) => [...cell.above, ...cell.below];
  const sides: ((cell: Cell) => Link[])[] = [
    (cell) => cell.above, (cell) => cell.below, (cell) => cell.above, (cell) => cell.below, both, both, both, both, both, both,
  ];
  sides.forEach((side, sweep) => {
    const sequence = sweep % 2 === 0 ? rows : [...rows].reverse();
    for (const row of sequence) {
      const weights = row.map((cell) => side(cell).reduce((sum, link) => sum + link.weight, 0));
      const wishes = row.map((cell, i) =>
        weights[i] ? side(cell).reduce((sum, link) => sum + link.weight * (link.cell.centre + link.there - link.here), 0) / weights[i] : cell.centre,
      );
      settle(row, wishes, weights.map((weight) => weight || 0.01));
    }
  });
}

/** Least squares under "no overlap", exactly, by pooling adjacent violators. */
function settle(row: Cell[], wishes: number[], weights: number[]): void {
  const offsets: number[] = [];
  let offset = 0;
  row.forEach((cell, i) => {
    if (i) offset += (row[i - 1].width + cell.width) / 2 + (cell.vertex < 0 && row[i - 1].vertex < 0 ? BEND_GAP : SIDE_GAP);
    offsets.push(offset);
  });
  const pools: { mean: number; weight: number; n: number }[] = [];
  row.forEach((_, i) => {
    let pool = { mean: wishes[i] - offsets[i], weight: weights[i], n: 1 };
    while (pools.length && pools[pools.length - 1].mean > pool.mean) {
      const before = pools.pop()!;
      const weight = before.weight + pool.weight;
      pool = { mean: (before.mean * before.weight + pool.mean * pool.weight) / weight, weight, n: before.n + pool.n };
    }
    pools.push(pool);
  });
  let i = 0;
  for (const pool of pools) for (let k = 0; k < pool.n; k++, i++) row[i].centre = pool.mean + offsets[i];
}

function assembled(vertices: Vertex[], segments: Segment[], cells: Cell[], rows: Cell[][], bends: (Cell[] | null)[], layerGap: number): Layout {
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
    const isNextBorder = layer + 1 < rows.length && rows[layer + 1].every((cell) => cell.vertex < 0 || vertices[cell.vertex].pin !== 0);
    top += heights[layer] + (isBorder || isNextBorder ? layerGap * 0.6 : layerGap);
  });
  const height = tops[tops.length - 1] + heights[heights.length - 1];
  const x = Float64Array.from(cells, (cell) => cell.centre - cell.width / 2 - left);
  const y = Float64Array.from(cells, (cell) => tops[cell.layer] + (heights[cell.layer] - cell.height) / 2);
  let lanes = 0;
  const apart = spread(segments, (segment, i) => (bends[i]?.length ? bends[i][0].centre - left : x[segment.to] + segment.toAt), vertices);
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
function spread(segments: Segment[], towards: (segment: Segment, i: number) => number, vertices: Vertex[]): Float64Array {
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
    group.forEach((i, k) => (shifts[i] = (k - (group.length - 1) / 2) * gap));
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
