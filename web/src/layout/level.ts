// What the steps of a layered layout share: a level as it comes, as it goes, and while it is worked on.
// The files of this folder are those of gradtrace/layout, step by step; tests/layout_cases.json holds both to the same positions.

/** From one vertex down to another; ports are distances from their left edges, null for "anywhere". */
export interface Segment {
  upper: number;
  upperPort: number | null;
  lower: number;
  lowerPort: number | null;
  label: readonly [width: number, height: number] | null;
}

/** Sizes of the vertices: `nIns` ports at the top, boxes in forward order, `nOuts` ports at the bottom. */
export interface LayerGraph {
  sizes: (readonly [width: number, height: number])[];
  nIns: number;
  nOuts: number;
  segments: Segment[];
}

/** Left top corners of the vertices; the curve (x, y, x, y, …) and the centre of the label of each segment. */
export interface Arrangement {
  width: number;
  height: number;
  positions: [x: number, y: number][];
  routes: number[][];
  labels: ([x: number, y: number] | null)[];
}

/** A neighbour, and where on it an edge attaches, from its centre. */
export type Neighbour = readonly [vertex: number, at: number];

/** Vertices and bends together: the bends follow the vertices. */
export interface Work {
  widths: number[];
  heights: number[];
  layer: number[];
  /** For each segment the vertices and bends on its way. */
  stops: number[][];
  /** For each segment the stop after which it takes a lane. */
  lanes: (number | null)[];
  labelBends: (number | null)[];
  /** Where an edge passes through a bend, from its centre: left of a label, so that the line does not cross it. */
  port: number[];
  upperPort: (number | null)[];
  lowerPort: (number | null)[];
  above: Neighbour[][];
  below: Neighbour[][];
  /** Where on the vertex itself the same edge attaches. */
  ownAbove: number[][];
  ownBelow: number[][];
}
