// Columns: where in its layer each vertex stands, as near as possible to where its neighbours want it.

import type { Work } from "./level";

/** Between two boxes of a layer. */
export const SIDE_GAP = 16;
/** Between a bend and its neighbour. */
const BEND_GAP = 10;
/** An edge touches a box within this share of its width from its middle. */
export const ATTACH = 0.42;
/** So often down and up; fewer times in a level with many vertices and bends. */
const [SWEEPS, FEWER_SWEEPS, MANY] = [6, 2, 3000];
/** How far the bends of an edge follow the one that had to give way most; at last they do so wholly. */
const FOLLOW = 0.9;
/** How strongly a neighbour attracts; one that has no producer less, so that the main line is straight; bends; no neighbours. */
const [PULL, SIDE_PULL, BEND_PULL, REST] = [3, 1, 6, 0.05];

/** The positions nearest to the wishes, by weighted least squares, that keep their order and their distances. */
export function spread(wishes: number[], weights: number[], distances: number[]): number[] {
  if (wishes.length === 1) return [wishes[0]];
  const blocks: { weight: number; total: number; n: number }[] = [];
  const offsets: number[] = [];
  let offset = 0;
  wishes.forEach((wish, i) => {
    offset += i ? distances[i] : 0;
    offsets.push(offset);
    let [weight, total, n] = [weights[i], weights[i] * (wish - offset), 1];
    while (blocks.length && blocks[blocks.length - 1].total * weight >= total * blocks[blocks.length - 1].weight) {
      const before = blocks.pop()!;
      [weight, total, n] = [weight + before.weight, total + before.total, n + before.n];
    }
    blocks.push({ weight, total, n });
  });
  const positions: number[] = [];
  for (const { weight, total, n } of blocks) {
    const mean = total / weight;
    for (let k = 0; k < n; k++) positions.push(mean + offsets[positions.length]);
  }
  return positions;
}

/** The centre of each vertex and bend; `nPorts` of the vertices are ports, the first and the last ones. */
export function columns(layers: number[][], work: Work, nVertices: number, nPorts: [number, number]): number[] {
  const x = work.layer.map(() => 0);
  const gaps = layers.map((layer) => distancesOf(layer, work, nVertices));
  const put = (layer: number[], at: number[]) =>
    layer.forEach((vertex, i) => {
      x[vertex] = at[i];
    });
  layers.forEach((layer, i) => {
    if (layer.length)
      put(
        layer,
        spread(
          layer.map(() => 0),
          layer.map(() => 1),
          gaps[i],
        ),
      );
  });
  const boxes: [number, number] = [nPorts[0], nVertices - nPorts[1]];
  const sweeps = 2 * (x.length <= MANY ? SWEEPS : FEWER_SWEEPS);
  for (let sweep = 0; sweep < sweeps + 2; sweep++) {
    const isLast = sweep >= sweeps;
    const isDown = sweep % 2 === 0;
    const fixed = linesOf(work, x, isLast ? 1 : FOLLOW);
    const middle = middleOf(work, x, boxes);
    for (let k = 0; k < layers.length; k++) {
      const at = isDown ? k : layers.length - 1 - k;
      if (!layers[at].length) continue;
      const wanted = layers[at].map((vertex): [number, number] =>
        vertex >= boxes[0] && vertex < boxes[1]
          ? wishOf(work, x, vertex, isDown || isLast, !isDown || isLast)
          : [fixed.get(vertex) ?? middle, BEND_PULL],
      );
      const [wishes, weights] = [wanted.map(([wish]) => wish), wanted.map(([, weight]) => weight)];
      put(layers[at], spread(wishes, weights, gaps[at]));
    }
  }
  return x;
}

/** Where a box wants to stand by its neighbours above or below, and how much. */
function wishOf(work: Work, x: number[], vertex: number, isAboveUsed: boolean, isBelowUsed: boolean): [number, number] {
  let [total, weight] = [0, 0];
  const isSide = !work.above[vertex].length;
  const sides = [
    [isAboveUsed, work.above[vertex], work.ownAbove[vertex]],
    [isBelowUsed, work.below[vertex], work.ownBelow[vertex]],
  ] as const;
  for (const [isUsed, neighbours, owns] of sides) {
    if (!isUsed) continue;
    neighbours.forEach(([other, dx], i) => {
      const pull = isSide || !work.above[other].length ? SIDE_PULL : PULL;
      total += pull * (x[other] + dx - owns[i]);
      weight += pull;
    });
  }
  return weight ? [total / weight, weight] : [x[vertex], REST];
}

/** Where ports want to be: amidst the boxes, so that modules which follow each other stand in one column. */
function middleOf(work: Work, x: number[], [first, end]: [number, number]): number {
  if (first >= end) return 0;
  let [left, right] = [Infinity, -Infinity];
  for (let box = first; box < end; box++) {
    left = Math.min(left, x[box] - work.widths[box] / 2);
    right = Math.max(right, x[box] + work.widths[box] / 2);
  }
  return (left + right) / 2;
}

/** Where each bend should stand so that its edge is a straight line from a spot on one box to one on the other. */
function linesOf(work: Work, x: number[], follow: number): Map<number, number> {
  const found = new Map<number, number>();
  work.stops.forEach((stops, segment) => {
    const bends = stops.slice(1, -1);
    if (!bends.length) return;
    const [upper, upperHalf] = reachOf(work, x, stops[0], work.upperPort[segment]);
    const [lower, lowerHalf] = reachOf(work, x, stops[stops.length - 1], work.lowerPort[segment]);
    const middle = (upper + lower) / 2;
    let line = middle;
    const now = bends.map((bend) => x[bend] + work.port[bend]);
    let [left, right] = [Math.min(...now), Math.max(...now)];
    const furthest = right - middle >= middle - left ? right : left;
    if (bends.length > 1) {
      // Follow the bend that had to give way most, so that the others come along and the line stays straight.
      line = middle + follow * (furthest - middle);
    } else {
      [left, right] = [Math.max(upper - upperHalf, lower - lowerHalf), Math.min(upper + upperHalf, lower + lowerHalf)];
      line = left <= right ? Math.min(Math.max(furthest, left), right) : middle;
    }
    for (const bend of bends) found.set(bend, line - work.port[bend]);
  });
  return found;
}

/** Around which point an edge may touch a vertex, and how far from it: anywhere on a box, nowhere but at a port. */
function reachOf(work: Work, x: number[], vertex: number, port: number | null): [number, number] {
  if (port === null) return [x[vertex], ATTACH * work.widths[vertex]];
  return [x[vertex] - work.widths[vertex] / 2 + port, 0];
}

/** From each centre to the next. */
function distancesOf(layer: number[], work: Work, nVertices: number): number[] {
  return layer.map((right, i) => {
    if (!i) return 0;
    const left = layer[i - 1];
    const gap = left < nVertices && right < nVertices ? SIDE_GAP : BEND_GAP;
    return (work.widths[left] + work.widths[right]) / 2 + gap;
  });
}
