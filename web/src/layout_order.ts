// In which order the cells of each layer stand, from left to right.

import type { Cell, Link } from "./cell";

/** Orders each layer by where its neighbours stand; keeps the order with the fewest crossings. */
export function order(rows: Cell[][]): void {
  const spread = (row: Cell[]) => {
    for (const [i, cell] of row.entries()) cell.centre = i;
  };
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
