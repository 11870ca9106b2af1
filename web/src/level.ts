// What stands directly inside one box, and the lines between: the input of a layout that never looks deeper.

import type { PassGraph } from "./graph";

export type Kind = "node" | "box" | "leaf" | "root" | "in" | "out" | "cut";

/** `ref` is a node for `node`, `leaf`, `in` and `out` (then the producer whose tensor crosses the border), a box, or the number of a root or a cut. */
export interface Member {
  kind: Kind;
  ref: number;
}

/** A line in forward direction, from the member above to the one below; gradients run along it upwards. */
export interface Line {
  from: number;
  to: number;
  /** The edges that it stands for; the line of a root or a cut has none. */
  edges: number[];
  /** Node whose output crosses, and by which port it enters or leaves a box; -1 for a bundle of several. */
  producer: number;
  /** Where it arrives at a consumer node, and how many such places there are. */
  slot: number;
  slots: number;
  /** The same for the producer's outputs. */
  output: number;
  outputs: number;
}

export interface Level {
  members: Member[];
  lines: Line[];
}

/** Leaves with more uses than this in one box are drawn at each use. */
const USES_DRAWN_ONCE = 4;
/** More lines than this between the same two members are drawn as one. */
const LINES_DRAWN_SINGLY = 4;
/** More tensors than this through one border are drawn as one. */
const PORTS_DRAWN_SINGLY = 12;

export function levelOf(
  graph: PassGraph,
  box: number,
  pass: { roots: { node: number }[]; cuts: { node: number }[] },
): Level {
  return new LevelBuilder(graph, box).build(pass.roots, pass.cuts);
}

class LevelBuilder {
  private readonly members: Member[] = [];
  private readonly lines: Line[] = [];
  private readonly start: number;
  private readonly end: number;
  /** The member at each position inside the box. */
  private readonly memberAt: Int32Array;
  private readonly ports = new Map<string, number>();
  private readonly bundles = new Map<string, Line>();
  private readonly leaves = new Map<number, number[]>();
  private readonly nIn: number;
  private readonly nOut: number;

  constructor(
    private readonly graph: PassGraph,
    box: number,
  ) {
    const { start, end } = graph.boxes;
    this.start = start[box];
    this.end = end[box];
    this.memberAt = new Int32Array(this.end - this.start);
    let inner = 0;
    for (let position = this.start; position < this.end; ) {
      const child = graph.inner[box][inner];
      const member = this.members.length;
      if (child !== undefined && start[child] === position) {
        this.members.push({ kind: "box", ref: child });
        this.memberAt.fill(member, position - this.start, end[child] - this.start);
        position = end[child];
        inner++;
      } else {
        this.members.push({ kind: "node", ref: graph.inOrder[position] });
        this.memberAt[position++ - this.start] = member;
      }
    }
    [this.nIn, this.nOut] = this.countPorts();
  }

  build(roots: { node: number }[], cuts: { node: number }[]): Level {
    const { graph } = this;
    const { source, target } = graph.edges;
    for (let position = this.start; position < this.end; position++) {
      const node = graph.inOrder[position];
      const member = this.memberAt[position - this.start];
      for (const edge of graph.rows(graph.sends, node)) {
        const producer = target[edge];
        if (graph.isLeaf(producer)) {
          if (this.members[member].kind === "node")
            this.leaves.set(producer, [...(this.leaves.get(producer) ?? []), edge]);
          continue;
        }
        const from = this.memberOf(producer);
        if (from === member) continue;
        this.connect(from < 0 ? this.port("in", producer) : from, member, edge);
      }
      for (const edge of graph.rows(graph.receives, node)) {
        if (this.memberOf(source[edge]) < 0) this.connect(member, this.port("out", node), edge);
      }
    }
    this.addLeaves();
    this.addUnusedLeaves(roots);
    roots.forEach((root, number) => {
      const member = root.node < 0 ? -1 : this.memberOf(root.node);
      if (member < 0 || this.members[member].kind !== "node") return;
      this.members.push({ kind: "root", ref: number });
      this.lines.push(this.line(member, this.members.length - 1, [], root.node));
    });
    cuts.forEach((cut, number) => {
      const member = this.memberOf(cut.node);
      if (member < 0 || this.members[member].kind !== "node") return;
      this.members.push({ kind: "cut", ref: number });
      // It has no slot of its own: it comes in at the right of the operands that have one.
      this.lines.push({ ...this.line(this.members.length - 1, member, [], -1), slot: 5, slots: 6 });
    });
    return { members: this.members, lines: bundled(this.lines) };
  }

  private memberOf(node: number): number {
    const position = this.graph.nodes.position[node];
    return position >= this.start && position < this.end ? this.memberAt[position - this.start] : -1;
  }

  private countPorts(): [number, number] {
    const { graph } = this;
    const into = new Set<number>();
    const out = new Set<number>();
    for (let position = this.start; position < this.end; position++) {
      const node = graph.inOrder[position];
      for (const edge of graph.rows(graph.sends, node)) {
        const producer = graph.edges.target[edge];
        if (!graph.isLeaf(producer) && this.memberOf(producer) < 0) into.add(producer);
      }
      for (const edge of graph.rows(graph.receives, node))
        if (this.memberOf(graph.edges.source[edge]) < 0) out.add(node);
    }
    return [into.size, out.size];
  }

  private port(kind: "in" | "out", producer: number): number {
    const ref = (kind === "in" ? this.nIn : this.nOut) > PORTS_DRAWN_SINGLY ? -1 : producer;
    const key = `${kind} ${ref}`;
    let member = this.ports.get(key);
    if (member === undefined) {
      this.ports.set(key, (member = this.members.length));
      this.members.push({ kind, ref });
    }
    return member;
  }

  private connect(from: number, to: number, edge: number): void {
    const { graph } = this;
    const producer = graph.edges.target[edge];
    if (this.members[from].kind === "node" && this.members[to].kind === "node") {
      this.lines.push(this.line(from, to, [edge], producer));
      return;
    }
    const slot = this.members[to].kind === "node" ? graph.edges.slot[edge] : -1;
    const key = `${from} ${to} ${producer} ${slot}`;
    const known = this.bundles.get(key);
    if (known) {
      known.edges.push(edge);
      return;
    }
    const line = this.line(from, to, [edge], producer);
    this.bundles.set(key, line);
    this.lines.push(line);
  }

  private line(from: number, to: number, edges: number[], producer: number): Line {
    const { graph } = this;
    const edge = edges[0];
    const isSlotKnown = this.members[to].kind === "node" && edge !== undefined;
    const consumer = isSlotKnown ? graph.edges.source[edge] : -1;
    const isOutputKnown = this.members[from].kind === "node" && edge !== undefined;
    const outputs = graph.outputsOf.starts[producer + 1] - graph.outputsOf.starts[producer];
    return {
      from,
      to,
      edges,
      producer,
      slot: isSlotKnown ? this.rank(consumer, edge) : 0,
      slots: isSlotKnown ? graph.sends.starts[consumer + 1] - graph.sends.starts[consumer] : 1,
      output: isOutputKnown ? Math.min(graph.edges.output[edge], Math.max(0, outputs - 1)) : 0,
      outputs: isOutputKnown ? Math.max(1, outputs) : 1,
    };
  }

  /** Which of the consumer's edges this is, from the left. */
  private rank(consumer: number, edge: number): number {
    return edge - this.graph.sends.rows[this.graph.sends.starts[consumer]];
  }

  private addLeaves(): void {
    for (const [leaf, edges] of this.leaves) {
      const uses = this.graph.receives.starts[leaf + 1] - this.graph.receives.starts[leaf];
      const isShared = uses > USES_DRAWN_ONCE;
      if (!isShared) this.members.push({ kind: "leaf", ref: leaf });
      for (const edge of edges) {
        if (isShared) this.members.push({ kind: "leaf", ref: leaf });
        this.lines.push(this.line(this.members.length - 1, this.memberOf(this.graph.edges.source[edge]), [edge], leaf));
      }
    }
  }

  /** A leaf at which backward starts directly has no user: it stands in the outermost box. */
  private addUnusedLeaves(roots: { node: number }[]): void {
    if (this.start !== 0 || this.end !== this.graph.inOrder.length) return;
    for (const root of roots) {
      if (root.node >= 0 && this.graph.isLeaf(root.node)) this.members.push({ kind: "leaf", ref: root.node });
    }
  }
}

/** Draw many lines between the same two members as one. */
function bundled(lines: Line[]): Line[] {
  const byPair = new Map<string, Line[]>();
  for (const line of lines) {
    const key = `${line.from} ${line.to}`;
    const others = byPair.get(key);
    if (others) others.push(line);
    else byPair.set(key, [line]);
  }
  return [...byPair.values()].flatMap((between) =>
    between.length <= LINES_DRAWN_SINGLY
      ? between
      : [
          {
            ...between[0],
            edges: between.flatMap((line) => line.edges),
            producer: -1,
            slot: 0,
            slots: 1,
            output: 0,
            outputs: 1,
          },
        ],
  );
}
