// What stands directly inside one box, and the lines between: the input of a layout that never looks deeper.

import type { PassGraph } from "./graph";

export type Kind = "node" | "box" | "leaf" | "root" | "in" | "out" | "cut" | "constant";

/** `ref` is a node for `node`, `leaf`, `in` and `out` (then the producer whose tensor crosses the border), a box, or the number of a root, a cut or a constant. */
export interface Member {
  kind: Kind;
  ref: number;
}

/** A line in forward direction, from the member above to the one below; gradients run along it upwards. */
export interface Line {
  from: number;
  to: number;
  /** The edges that it stands for; the line of a root, a cut or a constant has none. */
  edges: number[];
  /** Node whose output crosses, and by which port it enters or leaves a box; -1 for a bundle of several. */
  producer: number;
}

/** Members in forward order, what comes in first and what goes out last, as the layout wants them. */
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

/** Where a pass begins, and what its nodes took in. */
export type Ends = Record<"roots" | "cuts" | "constants", readonly { node: number }[]>;

const TAKEN: ReadonlySet<Kind> = new Set<Kind>(["leaf", "cut", "constant"]);

export function levelOf(graph: PassGraph, box: number, ends: Ends): Level {
  return new LevelBuilder(graph, box).build(ends);
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
  /** The leaves of what one call made come in from outside. */
  private readonly isCall: boolean;
  private readonly nIn: number;
  private readonly nOut: number;

  constructor(
    private readonly graph: PassGraph,
    box: number,
  ) {
    const { start, end } = graph.boxes;
    this.isCall = graph.isCall(box);
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

  build({ roots, cuts, constants }: Ends): Level {
    const { graph } = this;
    const { source, target } = graph.edges;
    for (let position = this.start; position < this.end; position++) {
      const node = graph.inOrder[position];
      const member = this.memberAt[position - this.start];
      for (const edge of graph.rows(graph.sends, node)) {
        const producer = target[edge];
        if (graph.isLeaf(producer) && !this.isCall) {
          if (this.isNode(this.members[member]))
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
    if (this.isCall) return this.inOrder();
    this.addUnusedLeaves(roots);
    roots.forEach((root, number) => {
      const from = this.nodeMember(root.node);
      if (from < 0) return;
      this.members.push({ kind: "root", ref: number });
      this.lines.push({ from, to: this.members.length - 1, edges: [], producer: root.node });
    });
    this.addTaken("cut", cuts);
    this.addTaken("constant", constants);
    return this.inOrder();
  }

  /** What a node took in that has no node of its own. */
  private addTaken(kind: "cut" | "constant", all: readonly { node: number }[]): void {
    all.forEach(({ node }, ref) => {
      const to = this.nodeMember(node);
      if (to < 0) return;
      this.members.push({ kind, ref });
      this.lines.push({ from: this.members.length - 1, to, edges: [], producer: -1 });
    });
  }

  private nodeMember(node: number): number {
    const member = node < 0 ? -1 : this.memberOf(node);
    return member >= 0 && this.isNode(this.members[member]) ? member : -1;
  }

  /** A node, or what one call made, which looks like one from outside. */
  private isNode({ kind, ref }: Member): boolean {
    return kind === "node" || (kind === "box" && this.graph.isCall(ref));
  }

  /** What a node was made from stands right before it, its root right after it. */
  private inOrder(): Level {
    const { members } = this;
    const rank = members.map(({ kind }, i) => (kind === "in" ? -1 : kind === "out" ? members.length : i));
    for (const { from, to } of this.lines) {
      if (TAKEN.has(members[from].kind)) rank[from] = Math.min(rank[from], rank[to] - 0.5);
      if (members[to].kind === "root") rank[to] = rank[from] + 0.25;
    }
    const sequence = members.map((_, i) => i).sort((a, b) => rank[a] - rank[b] || a - b);
    const at = new Int32Array(members.length);
    sequence.forEach((old, now) => {
      at[old] = now;
    });
    const lines = this.lines.map((line) => ({ ...line, from: at[line.from], to: at[line.to] }));
    return { members: sequence.map((old) => members[old]), lines: bundled(lines) };
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
        if ((this.isCall || !graph.isLeaf(producer)) && this.memberOf(producer) < 0) into.add(producer);
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
      this.lines.push({ from, to, edges: [edge], producer });
      return;
    }
    const slot = this.members[to].kind === "node" ? graph.edges.slot[edge] : -1;
    const key = `${from} ${to} ${producer} ${slot}`;
    const known = this.bundles.get(key);
    if (known) {
      known.edges.push(edge);
      return;
    }
    const line: Line = { from, to, edges: [edge], producer };
    this.bundles.set(key, line);
    this.lines.push(line);
  }

  private addLeaves(): void {
    for (const [leaf, edges] of this.leaves) {
      const uses = this.graph.receives.starts[leaf + 1] - this.graph.receives.starts[leaf];
      const isShared = uses > USES_DRAWN_ONCE;
      if (!isShared) this.members.push({ kind: "leaf", ref: leaf });
      for (const edge of edges) {
        if (isShared) this.members.push({ kind: "leaf", ref: leaf });
        const to = this.memberOf(this.graph.edges.source[edge]);
        this.lines.push({ from: this.members.length - 1, to, edges: [edge], producer: leaf });
      }
    }
  }

  /** A leaf at which backward starts directly has no user: it stands in the outermost box. */
  private addUnusedLeaves(roots: Ends["roots"]): void {
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
          },
        ],
  );
}
