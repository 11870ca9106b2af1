// Which boxes are open, and where everything visible stands.

import { layOut, type Layout, type Segment, type Vertex } from "./layout";
import { levelOf, type Level, type Line, type Member } from "./level";
import { cut, widthOf } from "./measure";
import type { PassGraph } from "./graph";
import { brief, count, number } from "./numbers";
import type { Pass, Trace } from "./trace";

/** Something visible, in the coordinates of the whole picture. */
export interface Item extends Member {
  x: number;
  y: number;
  width: number;
  height: number;
  depth: number;
  isOpen: boolean;
  title: string;
  name: string;
  detail: string;
}

export interface Wire {
  line: Line;
  from: Item;
  to: Item;
  /** A start, then two controls and an end for each piece; from producer down to consumer. */
  points: number[];
  left: number;
  top: number;
  right: number;
  bottom: number;
  /** Largest norm sent along it; NaN when none was measured. */
  norm: number;
  /** Number of edges along which something was sent. */
  nSent: number;
  isBad: boolean;
  /** First and last step at which something is sent; -1 when never. */
  first: number;
  last: number;
  label: string;
}

interface Laid {
  level: Level;
  layout: Layout;
  sizes: Size[];
  width: number;
  height: number;
}

interface Size {
  width: number;
  height: number;
  title: string;
  name: string;
  detail: string;
}

const PADDING = 14;
const TITLE = 26;
const LINE_GAP = 46;
const VISIBLE_AT_FIRST = 48;
/** "Open all" stops here. */
const MOST_VISIBLE = 6000;

export class Scene {
  items: Item[] = [];
  wires: Wire[] = [];
  width = 0;
  height = 0;
  readonly graph: PassGraph;
  readonly open = new Set<number>([0]);
  private readonly levels = new Map<number, Level>();
  private readonly laid = new Map<number, Laid>();
  private readonly byKey = new Map<string, Item>();

  constructor(readonly trace: Trace, readonly pass: Pass, graph: PassGraph, openPaths: ReadonlySet<string> | null) {
    this.graph = graph;
    if (openPaths) this.reopen(openPaths);
    else this.openWhatFits();
    this.arrange();
  }

  /** Names of the open boxes that stay the same from pass to pass. */
  openPaths(): Set<string> {
    return new Set([...this.open].map((box) => this.boxKey(box)));
  }

  toggle(box: number): void {
    if (this.open.has(box)) this.open.delete(box);
    else this.open.add(box);
    this.forget(box);
    this.arrange();
  }

  /** Opens the boxes around a node, or around a box. */
  reveal(kind: "node" | "box", ref: number): void {
    const around = this.graph.around(kind === "node" ? this.graph.home(ref) : this.graph.boxes.parent[ref]);
    const closed = around.filter((box) => !this.open.has(box));
    if (!closed.length) return;
    for (const box of closed) {
      this.open.add(box);
      this.forget(box);
    }
    this.arrange();
  }

  openAll(): boolean {
    let visible = this.items.length;
    const waiting = [0];
    while (waiting.length) {
      const box = waiting.shift()!;
      if (!this.open.has(box)) {
        if (visible > MOST_VISIBLE) break;
        this.open.add(box);
        visible += this.level(box).members.length;
      }
      waiting.push(...this.graph.inner[box]);
    }
    this.laid.clear();
    this.arrange();
    return !waiting.length;
  }

  closeAll(): void {
    this.open.clear();
    this.open.add(0);
    this.laid.clear();
    this.arrange();
  }

  /** The visible item for a node (or the closed box that holds it). */
  itemOf(node: number): Item | null {
    const own = this.byKey.get(`${this.graph.isLeaf(node) ? "leaf" : "node"} ${node}`);
    if (own) return own;
    const box = this.graph.around(this.graph.home(node)).find((outer) => !this.open.has(outer));
    return box === undefined ? null : this.itemOfBox(box);
  }

  itemOfBox(box: number): Item | null {
    return this.byKey.get(`box ${box}`) ?? null;
  }

  /** The innermost item at a point. */
  at(x: number, y: number): Item | null {
    for (let i = this.items.length - 1; i >= 0; i--) {
      const item = this.items[i];
      if (item.kind === "in" || item.kind === "out") continue;
      if (x >= item.x && x <= item.x + item.width && y >= item.y && y <= item.y + item.height) return item;
    }
    return null;
  }

  wireAt(x: number, y: number, reach: number): Wire | null {
    let best: Wire | null = null;
    let nearest = reach;
    for (const wire of this.wires) {
      if (x < wire.left - reach || x > wire.right + reach || y < wire.top - reach || y > wire.bottom + reach) continue;
      const distance = distanceTo(wire.points, x, y);
      if (distance < nearest) [best, nearest] = [wire, distance];
    }
    return best;
  }

  private boxKey(box: number): string {
    const { boxes } = this.graph;
    return `${boxes.path[box]} ${boxes.call[box]}`;
  }

  private reopen(paths: ReadonlySet<string>): void {
    for (let box = 1; box < this.graph.nBoxes; box++) {
      if (this.open.has(this.graph.boxes.parent[box]) && paths.has(this.boxKey(box))) this.open.add(box);
    }
  }

  /** Opens whole depths as long as the picture stays small. */
  private openWhatFits(): void {
    let depth = [0];
    let visible = this.level(0).members.length;
    for (;;) {
      depth = depth.flatMap((box) => this.graph.inner[box]);
      let more = visible;
      for (const box of depth) {
        more += this.graph.inner[box].length + 1;
        if (more > VISIBLE_AT_FIRST) return;
      }
      if (!depth.length) return;
      visible += depth.reduce((sum, box) => sum + this.level(box).members.length - 1, 0);
      if (visible > VISIBLE_AT_FIRST && depth.length > 1) return;
      for (const box of depth) this.open.add(box);
    }
  }

  private level(box: number): Level {
    let level = this.levels.get(box);
    if (!level) this.levels.set(box, (level = levelOf(this.graph, box, this.pass.roots)));
    return level;
  }

  private forget(box: number): void {
    for (let at = box; at >= 0; at = this.graph.boxes.parent[at]) this.laid.delete(at);
  }

  private lay(box: number): Laid {
    const known = this.laid.get(box);
    if (known) return known;
    const level = this.level(box);
    const inner = level.members.map((member) => (member.kind === "box" && this.open.has(member.ref) ? this.lay(member.ref) : null));
    const sizes = level.members.map((member, i) => this.size(member, inner[i]));
    const vertices: Vertex[] = level.members.map(({ kind }, i) => ({
      width: sizes[i].width, height: sizes[i].height, pin: kind === "in" ? -1 : kind === "out" ? 1 : 0,
    }));
    const segments: Segment[] = level.lines.map((line) => ({
      from: line.from, to: line.to, isSpread: inner[line.from] === null && level.members[line.from].kind !== "in",
      fromAt: portAt(inner[line.from], "out", line) ?? (vertices[line.from].width * (line.output + 1)) / (line.outputs + 1),
      toAt: portAt(inner[line.to], "in", line) ?? (vertices[line.to].width * (line.slot + 1)) / (line.slots + 1),
    }));
    const layout = layOut(vertices, segments, LINE_GAP);
    const isWhole = box === 0;
    const title = isWhole ? 0 : widthOf(this.boxTitle(box), "title") + 34;
    const width = Math.max(layout.width, title) + 2 * PADDING;
    const shift = (width - layout.width) / 2;
    for (let i = 0; i < layout.x.length; i++) layout.x[i] += shift;
    for (const route of layout.routes) for (let i = 0; i < route.length; i += 2) route[i] += shift;
    const hasTop = vertices.some((vertex) => vertex.pin < 0);
    const hasBottom = vertices.some((vertex) => vertex.pin > 0);
    // A border port stands on the border itself: the room above the first layer is the title's.
    const top = isWhole ? PADDING : hasTop ? 0 : TITLE + 4;
    const extra = hasTop ? TITLE - LINE_GAP * 0.6 + 8 : 0;
    const down = Math.max(0, extra);
    for (let i = 0; i < layout.y.length; i++) layout.y[i] += top + (vertices[i].pin < 0 ? 0 : down);
    level.lines.forEach((line, i) => {
      const route = layout.routes[i];
      const fromTop = vertices[line.from].pin < 0;
      for (let k = 1; k < route.length; k += 2) route[k] += top + (k === 1 && fromTop ? 0 : down);
    });
    const height = top + down + layout.height + (hasBottom ? 0 : PADDING);
    const laid = { level, layout, sizes, width, height };
    this.laid.set(box, laid);
    return laid;
  }

  boxTitle(box: number): string {
    return cut(this.graph.boxTitle(box), 48);
  }

  private size(member: Member, inner: Laid | null): Size {
    const none = { title: "", name: "", detail: "" };
    if (member.kind === "in" || member.kind === "out") return { width: 6, height: 0, ...none };
    if (inner) return { width: inner.width, height: inner.height, ...none, title: this.boxTitle(member.ref), name: this.boxType(member.ref) };
    if (member.kind === "root") {
      const root = this.pass.roots[member.ref];
      const title = `starts with ${cut(brief(this.trace.measured(root.gradient)), 24)}`;
      return { width: widthOf(title, "plain") + 16, height: 20, ...none, title };
    }
    if (member.kind === "box") return this.boxSize(member.ref);
    return member.kind === "leaf" ? this.leafSize(member.ref) : this.nodeSize(member.ref);
  }

  private nodeSize(node: number): Size {
    const title = cut(this.graph.op(node), 32);
    const name = cut(this.graph.name(node) ?? "", 32);
    const detail = cut(this.graph.spec(node), 36);
    const received = this.trace.measured(this.graph.received(node));
    const gradient = received ? `gradient ${brief(received)}` : "";
    const width = Math.max(
      widthOf(title, "title") + (name ? 6 + widthOf(name, "name") : 0), widthOf(detail, "plain"), widthOf(gradient, "strong"), 44,
    );
    return { width: Math.ceil(width) + 20, height: 56, title, name, detail };
  }

  private leafSize(node: number): Size {
    const leaf = this.trace.leaves[this.graph.nodes.leaf[node]];
    const row = this.pass.byLeaf.get(leaf.id);
    const title = cut(this.leafName(node), 36);
    const detail = cut(leaf.spec, 36);
    const states = row ? [row.before, row.after].map((stats) => `.grad ${brief(this.trace.measured(stats))}`) : [".grad None"];
    const added = row && row.before >= 0 && row.added >= 0 ? ` (+${brief(this.trace.measured(row.added), "g", 16)})` : "";
    const width = Math.max(widthOf(title, "title"), widthOf(detail, "plain"), ...states.map((state) => widthOf(state + added, "strong")), 60);
    return { width: Math.ceil(width) + 20, height: 56, title, name: "", detail };
  }

  /** The leaf's name without the module in which it is drawn. */
  private leafName(node: number): string {
    const { name } = this.trace.leaves[this.graph.nodes.leaf[node]];
    const row = this.graph.receives.starts[node];
    if (row === this.graph.receives.starts[node + 1]) return name;
    const module = this.trace.text(this.graph.nodes.module[this.graph.edges.source[this.graph.receives.rows[row]]]);
    return module && name.startsWith(`${module}.`) ? name.slice(module.length + 1) : name;
  }

  private boxType(box: number): string {
    return cut(this.trace.text(this.graph.boxes.type[box]) ?? "", 32);
  }

  private boxSize(box: number): Size {
    const title = this.boxTitle(box);
    const name = this.boxType(box);
    const detail = count(this.graph.boxes.end[box] - this.graph.boxes.start[box], "op");
    const width = widthOf(title, "title") + (name ? 8 + widthOf(name, "plain") : 0);
    return { width: Math.ceil(Math.max(width, widthOf(detail, "plain") + 30, 90)) + 40, height: 46, title, name, detail };
  }

  private arrange(): void {
    this.items = [];
    this.wires = [];
    this.byKey.clear();
    const whole = this.lay(0);
    this.width = whole.width;
    this.height = whole.height;
    this.unfold(whole, 0, 0, 1);
  }

  private unfold(laid: Laid, x: number, y: number, depth: number): void {
    const items = laid.level.members.map((member, i): Item => {
      const isOpen = member.kind === "box" && this.open.has(member.ref);
      return { ...member, ...laid.sizes[i], x: x + laid.layout.x[i], y: y + laid.layout.y[i], depth, isOpen };
    });
    for (const item of items) {
      this.items.push(item);
      const key = `${item.kind} ${item.ref}`;
      if (!this.byKey.has(key)) this.byKey.set(key, item);
    }
    laid.level.lines.forEach((line, i) => this.wires.push(this.wire(line, items, laid.layout.routes[i], x, y)));
    for (const item of items) if (item.isOpen) this.unfold(this.lay(item.ref), item.x, item.y, depth + 1);
  }

  private wire(line: Line, items: Item[], route: number[], x: number, y: number): Wire {
    const points = route.map((value, i) => value + (i % 2 ? y : x));
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < points.length; i += 2) {
      left = Math.min(left, points[i]);
      right = Math.max(right, points[i]);
      top = Math.min(top, points[i + 1]);
      bottom = Math.max(bottom, points[i + 1]);
    }
    const { edges, nodes } = this.graph;
    const root = items[line.to].kind === "root" ? this.pass.roots[items[line.to].ref] : null;
    const sent = root ? [root.gradient] : line.edges.map((edge) => edges.sent[edge]);
    let [norm, first, last, nSent, isBad] = [NaN, -1, -1, 0, false];
    sent.forEach((stats, i) => {
      if (stats < 0) return;
      nSent++;
      isBad ||= this.trace.isBad(stats);
      const size = this.trace.norms[stats];
      if (!(norm >= size)) norm = size;
      const step = root ? -1 : nodes.order[edges.source[line.edges[i]]];
      if (first < 0 || step < first) first = step;
      last = Math.max(last, step);
    });
    const isFirst = items[line.to].kind !== "out" && !items[line.to].isOpen;
    const label = root || !isFirst || sent.length !== 1 || nSent !== 1 ? "" : this.label(sent[0]);
    return { line, from: items[line.from], to: items[line.to], points, left, top, right, bottom, norm, nSent, isBad, first, last, label };
  }

  private label(stats: number): string {
    const measured = this.trace.measured(stats)!;
    if (measured.value !== null && measured.numel <= 3) return brief(measured, "g", 18);
    return measured.norm === null ? "" : `|${number(measured.norm, 2)}|`;
  }
}

/** Where in an open box the port of a line is, from the box's left side; null when there is none. */
function portAt(inner: Laid | null, kind: "in" | "out", line: Line): number | null {
  if (!inner) return null;
  const { members } = inner.level;
  const fits = (ref: number) => members.findIndex((member) => member.kind === kind && member.ref === ref);
  const found = fits(line.producer) >= 0 ? fits(line.producer) : fits(-1);
  return found < 0 ? null : inner.layout.x[found] + inner.sizes[found].width / 2;
}

function distanceTo(points: number[], x: number, y: number): number {
  let best = Infinity;
  for (let i = 2; i < points.length; i += 6) {
    for (let k = 0; k <= 16; k++) {
      const [px, py] = pointOn(points, i, k / 16);
      best = Math.min(best, Math.hypot(px - x, py - y));
    }
  }
  return best;
}

/** The point at fraction `t` of the piece whose first control is at index `i`. */
export function pointOn(points: number[], i: number, t: number): [number, number] {
  const s = 1 - t;
  const [a, b, c, d] = [s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t];
  return [
    a * points[i - 2] + b * points[i] + c * points[i + 2] + d * points[i + 4],
    a * points[i - 1] + b * points[i + 1] + c * points[i + 3] + d * points[i + 5],
  ];
}
