// Which boxes are open, and where everything visible stands.

import type { PassGraph } from "./graph";
import { type Layout, layOut, type Segment, type Vertex } from "./layout";
import { type Level, type Line, levelOf, type Member } from "./level";
import { widthOf } from "./measure";
import { type Size, Sizes } from "./sizes";
import type { Pass, Trace } from "./trace";
import { distanceTo, type Wire, wireOf } from "./wire";

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
  range?: string;
}

interface Laid {
  level: Level;
  layout: Layout;
  sizes: Size[];
  width: number;
  height: number;
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
  private readonly sizes: Sizes;
  readonly open = new Set<number>([0]);
  private readonly levels = new Map<number, Level>();
  private readonly laid = new Map<number, Laid>();
  private readonly byKey = new Map<string, Item>();

  constructor(
    readonly trace: Trace,
    readonly pass: Pass,
    graph: PassGraph,
    openPaths: ReadonlySet<string> | null,
  ) {
    this.graph = graph;
    this.sizes = new Sizes(trace, pass, graph);
    if (openPaths) this.reopen(openPaths);
    else this.openAtFirst();
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

  itemOfCut(cut: number): Item | null {
    return this.byKey.get(`cut ${cut}`) ?? this.itemOf(this.pass.cuts[cut].node);
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

  private openAtFirst(): void {
    const { depth, expanded } = this.trace;
    if (depth === null) this.openWhatFits();
    else this.openWhere((_, level) => level <= depth);
    if (!expanded.length) return;
    const { boxes } = this.graph;
    // Runs of iterations and steps bear the path of the module in which they stand, and a number.
    const path = (box: number) => (this.trace.text(boxes.path[box]) ?? "").split("#")[0];
    const named = new Set<number>();
    for (let box = 1; box < this.graph.nBoxes; box++) {
      if (expanded.some((name) => `${path(box)}.`.startsWith(`${name}.`)))
        for (const one of this.graph.around(box)) named.add(one);
    }
    this.openWhere((box) => this.open.has(box) || named.has(box));
  }

  /** Opens boxes from outside in, until there are too many things to see. */
  private openWhere(isWanted: (box: number, level: number) => boolean): void {
    const waiting: [box: number, level: number][] = [[0, 0]];
    let visible = 0;
    for (const [box, level] of waiting) {
      if (!isWanted(box, level) || visible > MOST_VISIBLE) continue;
      this.open.add(box);
      visible += this.level(box).members.length;
      for (const inner of this.graph.inner[box]) {
        const isModule = this.trace.text(this.graph.boxes.kind[inner]) === "module";
        waiting.push([inner, level + Number(isModule)]);
      }
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
    if (!level) this.levels.set(box, (level = levelOf(this.graph, box, this.pass)));
    return level;
  }

  private forget(box: number): void {
    for (let at = box; at >= 0; at = this.graph.boxes.parent[at]) this.laid.delete(at);
  }

  private lay(box: number): Laid {
    const known = this.laid.get(box);
    if (known) return known;
    const level = this.level(box);
    const inner = level.members.map((member) =>
      member.kind === "box" && this.open.has(member.ref) ? this.lay(member.ref) : null,
    );
    const sizes = level.members.map((member, i) => this.sizes.size(member, inner[i]));
    const vertices: Vertex[] = level.members.map(({ kind }, i) => ({
      width: sizes[i].width,
      height: sizes[i].height,
      pin: kind === "in" ? -1 : kind === "out" ? 1 : 0,
    }));
    const segments: Segment[] = level.lines.map((line) => ({
      from: line.from,
      to: line.to,
      isSpread: inner[line.from] === null && level.members[line.from].kind !== "in",
      fromAt:
        portAt(inner[line.from], "out", line) ?? (vertices[line.from].width * (line.output + 1)) / (line.outputs + 1),
      toAt: portAt(inner[line.to], "in", line) ?? (vertices[line.to].width * (line.slot + 1)) / (line.slots + 1),
    }));
    const layout = layOut(vertices, segments, LINE_GAP);
    const isWhole = box === 0;
    const title = isWhole ? 0 : widthOf(this.sizes.boxTitle(box), "title") + 34;
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
    for (const [i, line] of laid.level.lines.entries()) {
      this.wires.push(wireOf(this.trace, this.pass, this.graph, line, items, laid.layout.routes[i], x, y));
    }
    for (const item of items) if (item.isOpen) this.unfold(this.lay(item.ref), item.x, item.y, depth + 1);
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
