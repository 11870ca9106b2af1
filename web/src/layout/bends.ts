// Layers: which vertex stands below which, and the bends of the edges that pass others by.

import type { LayerGraph, Work } from "./level";

/** Over how many layers an edge is led by bends; the first of these that keeps to the budget. A longer one takes a lane. */
const LONGEST = [24, 12, 6, 3];
/** Bends for each vertex and segment; fewer in a level with many vertices. */
const [BUDGET, SMALL_BUDGET, MANY] = [4, 1, 3000];

/** Longest path from the top; then what has no producer moves down to its first consumer. */
export function assignLayers(graph: LayerGraph, step: number): number[] {
  const n = graph.sizes.length;
  const below: number[][] = graph.sizes.map(() => []);
  const hasProducer = new Uint8Array(n);
  for (const { upper, lower } of graph.segments) {
    if (upper >= lower) continue;
    below[upper].push(lower);
    hasProducer[lower] = 1;
  }
  const [firstBox, firstOut] = [graph.nIns, n - graph.nOuts];
  const layer = graph.sizes.map((_, vertex) => (vertex >= firstBox && vertex < firstOut && graph.nIns ? step : 0));
  for (let vertex = 0; vertex < n; vertex++) {
    for (const lower of below[vertex]) layer[lower] = Math.max(layer[lower], layer[vertex] + step);
  }
  for (let vertex = firstOut - 1; vertex >= firstBox; vertex--) {
    if (hasProducer[vertex] || !below[vertex].length) continue;
    layer[vertex] = below[vertex].reduce((least, lower) => Math.min(least, layer[lower]), Infinity) - step;
  }
  let last = 0;
  for (let vertex = 0; vertex < firstOut; vertex++) last = Math.max(last, layer[vertex]);
  for (let vertex = firstOut; vertex < n; vertex++) layer[vertex] = last + 1;
  return layer;
}

/** Gives each segment its stops: bends in the layers between, or a lane, and a bend for its label. */
export function bendEdges(graph: LayerGraph, work: Work): void {
  const spans = graph.segments.map(({ upper, lower }) => work.layer[lower] - work.layer[upper]);
  const each = graph.sizes.length <= MANY ? BUDGET : SMALL_BUDGET;
  const budget = each * (graph.sizes.length + spans.length) + 100;
  const needed = (limit: number) => spans.reduce((sum, span) => sum + (span <= limit ? span : 0), 0);
  const longest = LONGEST.find((limit) => needed(limit) <= budget) ?? 1;
  graph.segments.forEach((segment, i) => {
    const isLane = spans[i] > longest || segment.upper >= segment.lower;
    const stops = [segment.upper];
    let labelBend: number | null = null;
    const end = work.layer[segment.lower];
    const label = end > 0 ? segment.label : null;
    for (let layer = isLane ? end - (label ? 1 : 0) : work.layer[segment.upper] + 1; layer < end; layer++) {
      const [width, height] = label && layer === end - 1 ? label : [0, 0];
      stops.push(work.layer.length);
      if (height) labelBend = work.layer.length;
      work.port.push(-width / 2);
      work.widths.push(width);
      work.heights.push(height);
      work.layer.push(layer);
    }
    stops.push(segment.lower);
    work.stops.push(stops);
    work.lanes.push(isLane ? 0 : null);
    work.labelBends.push(labelBend);
    work.upperPort.push(segment.upperPort);
    work.lowerPort.push(segment.lowerPort);
  });
  connect(work);
}

/** Notes for each vertex and bend its neighbours in the layers above and below. */
function connect(work: Work): void {
  const empty = <T>() => work.layer.map((): T[] => []);
  [work.above, work.below, work.ownAbove, work.ownBelow] = [empty(), empty(), empty(), empty()];
  work.stops.forEach((stops, segment) => {
    for (let i = 0; i < stops.length - 1; i++) {
      if (work.lanes[segment] === i) continue;
      const [upper, lower] = [stops[i], stops[i + 1]];
      const upperAt = offset(work, upper, i === 0 ? work.upperPort[segment] : null);
      const lowerAt = offset(work, lower, i === stops.length - 2 ? work.lowerPort[segment] : null);
      work.above[lower].push([upper, upperAt]);
      work.ownAbove[lower].push(lowerAt);
      work.below[upper].push([lower, lowerAt]);
      work.ownBelow[upper].push(upperAt);
    }
  });
}

function offset(work: Work, vertex: number, port: number | null): number {
  return port === null ? work.port[vertex] : port - work.widths[vertex] / 2;
}
