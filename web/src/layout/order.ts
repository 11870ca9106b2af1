// Order: which vertex of a layer stands left of which, so that few edges cross.

import type { Neighbour } from "./level";

const SWEEPS = 4;
/** With more edges than this, crossings are not counted: the order after the last sweep is taken. */
const COUNTING_LIMIT = 20_000;

/** Sorts each layer by the mean position of its neighbours, sweeping down and up; the best order found wins. */
export function orderLayers(layers: number[][], above: Neighbour[][], below: Neighbour[][]): number[][] {
  if (layers.every((layer) => layer.length === 1)) return layers;
  const position = new Float64Array(above.length);
  for (const layer of layers) number(layer, position);
  const edges = above.reduce((sum, row) => sum + row.length, 0);
  let best = layers.map((layer) => [...layer]);
  let fewest = edges <= COUNTING_LIMIT ? crossings(best, above, position) : -1;
  for (let sweep = 0; sweep < SWEEPS * 2 && fewest !== 0; sweep++) {
    const isDown = sweep % 2 === 0;
    for (const layer of isDown ? layers : [...layers].reverse()) sort(layer, isDown ? above : below, position);
    if (fewest < 0) continue;
    const n = crossings(layers, above, position);
    if (n < fewest) [fewest, best] = [n, layers.map((layer) => [...layer])];
  }
  return fewest >= 0 ? best : layers;
}

function number(layer: number[], position: Float64Array): void {
  layer.forEach((vertex, i) => {
    position[vertex] = i;
  });
}

function sort(layer: number[], neighbours: Neighbour[][], position: Float64Array): void {
  if (layer.length < 2) return;
  const wish = new Map<number, number>();
  for (const vertex of layer) {
    const seen = neighbours[vertex];
    let sum = 0;
    for (const [other, dx] of seen) sum += position[other] + dx;
    wish.set(vertex, seen.length ? sum / seen.length : position[vertex]);
  }
  layer.sort((a, b) => wish.get(a)! - wish.get(b)! || position[a] - position[b]);
  number(layer, position);
}

/** How many pairs of edges between adjacent layers cross, counted with a Fenwick tree. */
function crossings(layers: number[][], above: Neighbour[][], position: Float64Array): number {
  for (const layer of layers) number(layer, position);
  let total = 0;
  for (const layer of layers) {
    const ends: [upper: number, lower: number][] = [];
    for (const vertex of layer)
      for (const [other, dx] of above[vertex]) ends.push([position[other] + dx, position[vertex]]);
    if (ends.length < 2) continue;
    ends.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const tree = new Int32Array(layer.length + 1);
    ends.forEach(([, lower], before) => {
      let notRight = 0;
      for (let i = lower + 1; i; i &= i - 1) notRight += tree[i];
      total += before - notRight;
      for (let i = lower + 1; i < tree.length; i += i & -i) tree[i]++;
    });
  }
  return total;
}
