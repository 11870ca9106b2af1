// The graph of one pass: columns, and which rows belong to a node.

import type { Container, Integers, Reference } from "./container";
import type { Trace } from "./trace";

type Columns<Names extends string> = Record<Names, Integers>;

type NodeColumns =
  | "type"
  | "op"
  | "name"
  | "module"
  | "moduleType"
  | "call"
  | "place"
  | "backwardPlace"
  | "leaf"
  | "order"
  | "flags"
  | "position";
type EdgeColumns = "source" | "target" | "slot" | "output" | "input" | "sent";
type OutputColumns = "node" | "index" | "spec" | "received" | "arrived" | "value" | "name" | "flags" | "hook" | "hooks";
type SavedColumns = "node" | "name" | "spec" | "bytes" | "flags" | "leaf" | "value";
type ArgumentColumns = "node" | "name" | "value";
type BoxColumns = "kind" | "path" | "label" | "type" | "start" | "end" | "parent" | "call" | "calls";

export interface GraphTables {
  nodes: Record<NodeColumns, Reference>;
  edges: Record<EdgeColumns, Reference>;
  outputs: Record<OutputColumns, Reference>;
  saved: Record<SavedColumns, Reference>;
  arguments: Record<ArgumentColumns, Reference>;
  boxes: Record<BoxColumns, Reference>;
}

/** Rows by the node to which they belong: those of node n are `rows[starts[n]] … rows[starts[n + 1] - 1]`. */
export interface Index {
  starts: Int32Array;
  rows: Int32Array;
}

export class PassGraph {
  readonly nodes: Columns<NodeColumns>;
  readonly edges: Columns<EdgeColumns>;
  readonly outputs: Columns<OutputColumns>;
  readonly saved: Columns<SavedColumns>;
  readonly args: Columns<ArgumentColumns>;
  readonly boxes: Columns<BoxColumns>;
  /** Edges that a node sends. */
  readonly sends: Index;
  /** Edges that arrive at a node. */
  readonly receives: Index;
  readonly outputsOf: Index;
  readonly savedOf: Index;
  readonly argsOf: Index;
  readonly nNodes: number;
  readonly nEdges: number;
  readonly nBoxes: number;
  /** How many nodes the engine ran. */
  readonly nSteps: number;
  /** The node that the engine ran at each step. */
  readonly ranAt: Int32Array;
  /** The node at each position of forward order; leaves have none. */
  readonly inOrder: Int32Array;
  /** Sorted numbers of the boxes directly inside each box. */
  readonly inner: number[][];
  /** AccumulateGrad nodes by leaf. */
  readonly nodesOfLeaf = new Map<number, number[]>();

  constructor(
    private readonly trace: Trace,
    container: Container<unknown>,
    tables: GraphTables,
  ) {
    const read = <Names extends string>(table: Record<Names, Reference>) =>
      Object.fromEntries(
        Object.entries<Reference>(table).map(([name, reference]) => [name, container.integers(reference)]),
      ) as Columns<Names>;
    this.nodes = read(tables.nodes);
    this.edges = read(tables.edges);
    this.outputs = read(tables.outputs);
    this.saved = read(tables.saved);
    this.args = read(tables.arguments);
    this.boxes = read(tables.boxes);
    const n = (this.nNodes = this.nodes.type.length);
    this.nEdges = this.edges.source.length;
    this.nBoxes = this.boxes.start.length;
    this.sends = indexed(this.edges.source, n);
    this.receives = indexed(this.edges.target, n);
    this.outputsOf = indexed(this.outputs.node, n);
    this.savedOf = indexed(this.saved.node, n);
    this.argsOf = indexed(this.args.node, n);
    const { order, position, leaf } = this.nodes;
    let steps = 0;
    let inside = 0;
    for (let i = 0; i < n; i++) {
      if (order[i] >= steps) steps = order[i] + 1;
      if (position[i] >= 0) inside++;
      if (leaf[i] >= 0) this.nodesOfLeaf.set(leaf[i], [...(this.nodesOfLeaf.get(leaf[i]) ?? []), i]);
    }
    this.nSteps = steps;
    this.ranAt = new Int32Array(steps).fill(-1);
    this.inOrder = new Int32Array(inside);
    for (let i = 0; i < n; i++) {
      if (order[i] >= 0) this.ranAt[order[i]] = i;
      if (position[i] >= 0) this.inOrder[position[i]] = i;
    }
    this.inner = Array.from({ length: this.nBoxes }, () => []);
    for (let box = 1; box < this.nBoxes; box++) this.inner[this.boxes.parent[box]].push(box);
    for (const inner of this.inner) inner.sort((a, b) => this.boxes.start[a] - this.boxes.start[b]);
  }

  op(node: number): string {
    return this.trace.text(this.nodes.op[node]) ?? "";
  }

  name(node: number): string | null {
    return this.trace.text(this.nodes.name[node]);
  }

  isLeaf(node: number): boolean {
    return this.nodes.leaf[node] >= 0;
  }

  /** What a person calls the node: `mul x`, or the leaf's name. */
  title(node: number): string {
    if (this.isLeaf(node)) return this.trace.leaves[this.nodes.leaf[node]].name;
    const name = this.name(node);
    return name ? `${this.op(node)} ${name}` : this.op(node);
  }

  /** Shape and dtype of the first output, `f32[2,3]`. */
  spec(node: number): string {
    const row = this.outputsOf.starts[node];
    if (row < this.outputsOf.starts[node + 1])
      return this.trace.text(this.outputs.spec[this.outputsOf.rows[row]]) ?? "";
    return this.isLeaf(node) ? this.trace.leaves[this.nodes.leaf[node]].spec : "";
  }

  /** The measurement of the gradient that arrived at the first output at which any did; -1 when none did. */
  received(node: number): number {
    for (let row = this.outputsOf.starts[node]; row < this.outputsOf.starts[node + 1]; row++) {
      const stats = this.outputs.received[this.outputsOf.rows[row]];
      if (stats >= 0) return stats;
    }
    return -1;
  }

  /** The measurement of the forward value of a node with one output; -1 where it was not seen. */
  value(node: number): number {
    const row = this.outputsOf.starts[node];
    return this.outputsOf.starts[node + 1] === row + 1 ? this.outputs.value[this.outputsOf.rows[row]] : -1;
  }

  /** The innermost box that holds a position. */
  boxAt(position: number): number {
    let box = 0;
    for (;;) {
      const next = this.childBox(box, position);
      if (next < 0) return box;
      box = next;
    }
  }

  /** The box directly inside `box` that holds a position, or -1. */
  private childBox(box: number, position: number): number {
    const inner = this.inner[box];
    let low = 0;
    let high = inner.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.boxes.start[inner[middle]] <= position) low = middle + 1;
      else high = middle;
    }
    return low > 0 && position < this.boxes.end[inner[low - 1]] ? inner[low - 1] : -1;
  }

  /** The box in which a node is drawn; a leaf is drawn where it is first used. */
  home(node: number): number {
    if (!this.isLeaf(node)) return this.boxAt(this.nodes.position[node]);
    const row = this.receives.starts[node];
    if (row === this.receives.starts[node + 1]) return 0;
    const box = this.home(this.edges.source[this.receives.rows[row]]);
    return this.isCall(box) ? this.boxes.parent[box] : box;
  }

  /** Whether a box holds what one call of torch made; the leaves that the call took stand outside. */
  isCall(box: number): boolean {
    return this.trace.text(this.boxes.kind[box]) === "call";
  }

  /** The boxes around a box, outermost first, the box itself included, the whole left out. */
  around(box: number): number[] {
    const found: number[] = [];
    for (let at = box; at > 0; at = this.boxes.parent[at]) found.unshift(at);
    return found;
  }

  boxTitle(box: number): string {
    const call = this.boxes.calls[box] > 1 ? ` (call ${this.boxes.call[box]} of ${this.boxes.calls[box]})` : "";
    return `${this.trace.text(this.boxes.label[box]) ?? ""}${call}`;
  }

  *rows(index: Index, node: number): Generator<number> {
    for (let i = index.starts[node]; i < index.starts[node + 1]; i++) yield index.rows[i];
  }
}

function indexed(owners: Integers, n: number): Index {
  const starts = new Int32Array(n + 1);
  for (let i = 0; i < owners.length; i++) starts[owners[i] + 1]++;
  for (let i = 0; i < n; i++) starts[i + 1] += starts[i];
  const free = starts.slice();
  const rows = new Int32Array(owners.length);
  for (let i = 0; i < owners.length; i++) rows[free[owners[i]]++] = i;
  return { starts, rows };
}
