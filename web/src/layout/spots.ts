// Spots: where each segment touches the vertices at its ends, and the curve between.

import { ATTACH, spread } from "./columns";
import type { LayerGraph, Work } from "./level";
import { assignLanes, bow, LANE_DISTANCE, type Point, straight, through, turn } from "./routes";

/** How far an edge that turns back first goes on. */
const TURN = 15;

export interface Rows {
  tops: number[];
  bottoms: number[];
}

interface Routed {
  routes: number[][];
  labels: ([x: number, y: number] | null)[];
  width: number;
}

/** The curve of each segment, the centre of its label, and the width with the lanes. */
export function routeSegments(
  graph: LayerGraph,
  work: Work,
  x: number[],
  y: number[],
  rows: Rows,
  width: number,
): Routed {
  const { tops, bottoms } = rows;
  const leaving = attachments(graph, work, x, false);
  const arriving = attachments(graph, work, x, true);
  const laned = work.lanes.flatMap((lane, i) => (lane === null ? [] : [i]));
  const spans = laned.map((i): [number, number] => {
    const [a, b] = [work.layer[work.stops[i][0]], work.layer[work.stops[i][1]]];
    return [Math.min(a, b), Math.max(a, b)];
  });
  const numbers = assignLanes(spans);
  const lanes = new Map(laned.map((i, k) => [i, numbers[k]]));
  const routes = work.stops.map((stops, i) => {
    const last = stops.length - 1;
    const spots = stops.map((stop, k): [Point, Point] => {
      const layer = work.layer[stop];
      if (k === 0)
        return [
          [leaving[i], y[stop] + work.heights[stop]],
          [leaving[i], bottoms[layer]],
        ];
      if (k === last)
        return [
          [arriving[i], tops[layer]],
          [arriving[i], y[stop]],
        ];
      const at = x[stop] + work.port[stop];
      return [
        [at, tops[layer]],
        [at, bottoms[layer]],
      ];
    });
    const number = lanes.get(i);
    const beside = width + LANE_DISTANCE * ((number ?? 0) + 1);
    const ends: [number, number] = [work.layer[stops[0]], work.layer[stops[1]]];
    const lane = number === undefined ? null : laneOf(spots[0][1], spots[1][0], beside, ends, rows);
    return through(spots, lane).flat();
  });
  const labels = work.labelBends.map((bend): [number, number] | null =>
    bend === null ? null : [x[bend], y[bend] + work.heights[bend] / 2],
  );
  const most = numbers.reduce((largest, number) => Math.max(largest, number), -1);
  return { routes, labels, width: width + LANE_DISTANCE * (most + 1) };
}

/** From below one layer through a lane to above another; upwards if the edge runs against the order. */
function laneOf(
  start: Point,
  end: Point,
  at: number,
  [upper, lower]: [number, number],
  { tops, bottoms }: Rows,
): Point[] {
  if (lower === upper + 1) return bow(start, end);
  if (lower > upper) {
    const [first, last] = [tops[upper + 1], bottoms[lower - 1]];
    return [...bow(start, [at, first]), ...straight([at, first], [at, last]), ...bow([at, last], end)];
  }
  const out = turn(start, [at, start[1]], TURN);
  return [...out, ...straight([at, start[1]], [at, end[1]]), ...turn([at, end[1]], end, -TURN)];
}

/** Where each segment touches the vertex at its end: at its port, else side by side, by where they come from. */
function attachments(graph: LayerGraph, work: Work, x: number[], isLower: boolean): number[] {
  const spots = graph.segments.map(() => 0);
  const crowd = new Map<number, number[]>();
  graph.segments.forEach((segment, i) => {
    const [vertex, port] = isLower ? [segment.lower, segment.lowerPort] : [segment.upper, segment.upperPort];
    if (port !== null) spots[i] = x[vertex] - work.widths[vertex] / 2 + port;
    else if (crowd.has(vertex)) crowd.get(vertex)!.push(i);
    else crowd.set(vertex, [i]);
  });
  const far = x.length ? x.reduce((most, at) => Math.max(most, at), -Infinity) : 0;
  const comesFrom = (i: number) => {
    const hop = isLower ? work.stops[i].length - 2 : 0;
    if (work.lanes[i] === hop) return far;
    const other = work.stops[i][isLower ? hop : hop + 1];
    return x[other] + work.port[other];
  };
  for (const [vertex, segments] of crowd) {
    const half = ATTACH * work.widths[vertex];
    segments.sort((a, b) => comesFrom(a) - comesFrom(b) || a - b);
    const wishes = segments.map((i) => Math.max(-half, Math.min(half, comesFrom(i) - x[vertex])));
    const distance = Math.min(16, (2 * half) / Math.max(1, segments.length - 1));
    const row = spread(
      wishes,
      segments.map(() => 1),
      segments.map(() => distance),
    );
    const last = row.length - 1;
    row.forEach((at, k) => {
      const inside = Math.max(-half + k * distance, Math.min(half - (last - k) * distance, at));
      spots[segments[k]] = x[vertex] + inside;
    });
  }
  return spots;
}
