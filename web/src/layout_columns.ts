// At which distance from the left each cell stands.

import { type Cell, connect, type Link } from "./cell";
import type { Segment, Vertex } from "./layout";

export const SIDE_GAP = 22;
const BEND_GAP = 12;
const PORT_WEIGHT = 40;

/** What enters a box shall leave it below the same place, so that boxes stand below each other. */
export function alignPorts(vertices: Vertex[], segments: Segment[], isSpine: boolean[], cells: Cell[]): void {
  const enters = segments.find((segment, i) => isSpine[i] && vertices[segment.from].pin < 0);
  const leaves = segments.find((segment) => vertices[segment.to].pin > 0);
  if (enters && leaves) connect(cells[enters.from], cells[leaves.to], 0, 0, PORT_WEIGHT);
}

/** Columns: each cell wants to stand at the mean of its neighbours, and a layer comes as near to its wishes as it can. */
export function place(rows: Cell[][]): void {
  for (const row of rows)
    settle(
      row,
      row.map(() => 0),
      row.map(() => 1),
    );
  const both = (cell: Cell) => [...cell.above, ...cell.below];
  const sides: ((cell: Cell) => Link[])[] = [
    (cell) => cell.above,
    (cell) => cell.below,
    (cell) => cell.above,
    (cell) => cell.below,
    both,
    both,
    both,
    both,
    both,
    both,
  ];
  sides.forEach((side, sweep) => {
    const sequence = sweep % 2 === 0 ? rows : [...rows].reverse();
    for (const row of sequence) {
      const weights = row.map((cell) => side(cell).reduce((sum, link) => sum + link.weight, 0));
      const wishes = row.map((cell, i) =>
        weights[i]
          ? side(cell).reduce((sum, link) => sum + link.weight * (link.cell.centre + link.there - link.here), 0) /
            weights[i]
          : cell.centre,
      );
      settle(
        row,
        wishes,
        weights.map((weight) => weight || 0.01),
      );
    }
  });
}

/** Least squares under "no overlap", exactly, by pooling adjacent violators. */
function settle(row: Cell[], wishes: number[], weights: number[]): void {
  const offsets: number[] = [];
  let offset = 0;
  row.forEach((cell, i) => {
    if (i)
      offset += (row[i - 1].width + cell.width) / 2 + (cell.vertex < 0 && row[i - 1].vertex < 0 ? BEND_GAP : SIDE_GAP);
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
