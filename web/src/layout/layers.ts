// One level of a layered layout: the vertices of one box in layers, with the curves between them.

import { assignLayers, bendEdges } from "./bends";
import { columns, SIDE_GAP } from "./columns";
import type { Arrangement, LayerGraph, Neighbour, Work } from "./level";
import { orderLayers } from "./order";
import { type Rows, routeSegments } from "./spots";

const LAYER_GAP = 30;
/** Above and below a layer of labels. */
const LABEL_GAP = 12;
/** Vertices without edges stand below the others, in shelves of about this width. */
const SHELF_WIDTH = 900;
/** A gap is made higher by this share of the widest horizontal way in it. */
const STEEP = 0.07;

/** Places the vertices of one level and routes its segments. */
export function arrange(graph: LayerGraph): Arrangement {
  const isLabelled = graph.segments.some((segment) => segment.label);
  const work: Work = {
    widths: graph.sizes.map(([width]) => width),
    heights: graph.sizes.map(([, height]) => height),
    layer: assignLayers(graph, isLabelled ? 2 : 1),
    port: graph.sizes.map(() => 0),
    stops: [],
    lanes: [],
    labelBends: [],
    upperPort: [],
    lowerPort: [],
    above: [],
    below: [],
    ownAbove: [],
    ownBelow: [],
  };
  bendEdges(graph, work);
  const linked = new Set(work.stops.flat());
  const alone = graph.sizes.flatMap((_, vertex) => (linked.has(vertex) ? [] : [vertex]));
  const last = work.layer.reduce((most, layer) => Math.max(most, layer), -1);
  let layers: number[][] = Array.from({ length: last + 1 }, () => []);
  work.layer.forEach((layer, vertex) => {
    if (linked.has(vertex)) layers[layer].push(vertex);
  });
  layers = orderLayers(layers, relative(work, work.above), relative(work, work.below));
  const x = columns(layers, work, graph.sizes.length, [graph.nIns, graph.nOuts]);
  return finished(graph, work, alone, x, rowsOf(layers, work, x, isLabelled));
}

/** Top and bottom of each layer. */
function rowsOf(layers: number[][], work: Work, x: number[], isLabelled: boolean): Rows {
  const rows: Rows = { tops: [], bottoms: [] };
  let y = 0;
  let isBegun = false;
  for (const layer of layers) {
    if (layer.length && isBegun) {
      let widest = 0;
      for (const v of layer) for (const [other] of work.above[v]) widest = Math.max(widest, Math.abs(x[v] - x[other]));
      y += (isLabelled ? LABEL_GAP : LAYER_GAP) + Math.min(60, STEEP * widest);
    }
    isBegun ||= layer.length > 0;
    rows.tops.push(y);
    y += layer.reduce((most, v) => Math.max(most, work.heights[v]), 0);
    rows.bottoms.push(y);
  }
  return rows;
}

/** Turns centres into corners, routes the segments, and puts what has no edges below. */
function finished(graph: LayerGraph, work: Work, alone: number[], centres: number[], rows: Rows): Arrangement {
  const { tops, bottoms } = rows;
  const n = graph.sizes.length;
  const isAlone = new Set(alone);
  const placed = centres.flatMap((_, v) => (isAlone.has(v) ? [] : [v]));
  const left = placed.reduce(
    (least, v) => Math.min(least, centres[v] - work.widths[v] / 2),
    placed.length ? Infinity : 0,
  );
  const x = centres.map((at) => at - left);
  let width = placed.reduce((most, v) => Math.max(most, x[v] + work.widths[v] / 2), placed.length ? -Infinity : 0);
  let height = bottoms.length ? bottoms[bottoms.length - 1] : 0;
  const y = x.map(() => 0);
  for (const v of placed) {
    const [top, bottom] = [tops[work.layer[v]], bottoms[work.layer[v]]];
    const sitsLow = v < n && !work.above[v].length && v >= graph.nIns;
    y[v] = sitsLow ? bottom - work.heights[v] : (top + bottom - work.heights[v]) / 2;
  }
  const routed = routeSegments(graph, work, x, y, rows, width);
  width = routed.width;
  if (alone.length) [width, height] = shelve(alone, work, x, y, width, height + (placed.length ? LAYER_GAP : 0));
  const positions = graph.sizes.map((_, v): [number, number] => [x[v] - work.widths[v] / 2, y[v]]);
  return { width, height, positions, routes: routed.routes, labels: routed.labels };
}

/** Stands vertices without edges side by side, below the others; the size of the whole. */
function shelve(alone: number[], work: Work, xs: number[], ys: number[], width: number, top: number): [number, number] {
  const limit = Math.max(width, SHELF_WIDTH);
  let [x, y, shelf, widest] = [0, top, 0, width];
  for (const v of alone) {
    if (x && x + work.widths[v] > limit) [x, y, shelf] = [0, y + shelf + SIDE_GAP, 0];
    [xs[v], ys[v]] = [x + work.widths[v] / 2, y];
    x += work.widths[v] + SIDE_GAP;
    [widest, shelf] = [Math.max(widest, x - SIDE_GAP), Math.max(shelf, work.heights[v])];
  }
  return [widest, y + shelf];
}

/** Attachments as shares of the neighbour's width, for ordering. */
function relative(work: Work, neighbours: Neighbour[][]): Neighbour[][] {
  return neighbours.map((row) => row.map(([other, dx]): Neighbour => [other, dx ? dx / work.widths[other] : 0]));
}
