// The things that a layer of a layout holds.

/** A vertex or a bend of a long line. */
export interface Cell {
  width: number;
  height: number;
  layer: number;
  centre: number;
  vertex: number;
  above: Link[];
  below: Link[];
}

/** To another cell; `here` and `there` are distances from the centres. */
export interface Link {
  cell: Cell;
  here: number;
  there: number;
  weight: number;
}

export function connect(upper: Cell, lower: Cell, here: number, there: number, weight: number): void {
  upper.below.push({ cell: lower, here, there, weight });
  lower.above.push({ cell: upper, here: there, there: here, weight });
}
