// Which boxes are open, and where everything visible stands.

import type { PassGraph } from "./graph";
import { arrange } from "./layout/layers";
import type { Arrangement } from "./layout/level";
import { type Kind, type Level, type Line, levelOf, type Member } from "./level";
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

interface Laid extends Arrangement {
  level: Level;
  sizes: Size[];
  /** What stands beside each line; "" for nothing. */
  texts: string[];
}

const PADDING = 14;
const TITLE = 26;
/** Of a label: the room beside its line, and its height. */
const LABEL_GAP = 8;
const LABEL_HEIGHT = 14;
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

  /** The item whose middle is nearest to a point; open boxes aside. */
  nearest(x: number, y: number): Item | null {
    let best: Item | null = null;
    let least = Infinity;
    for (const item of this.items) {
      const distance = Math.hypot(item.x + item.width / 2 - x, item.y + item.height / 2 - y);
      if (!item.isOpen && distance < least) [best, least] = [item, distance];
    }
    return best;
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
        if (this.graph.isCall(inner)) continue;
        waiting.push([inner, level + Number(isModule)]);
      }
    }
  }

  /** Opens whole depths as long as the picture stays small. */
  private openWhatFits(): void {
    let depth = [0];
    let visible = this.level(0).members.length;
    for (;;) {
      // What a call of torch made stays folded until somebody opens it.
      depth = depth.flatMap((box) => this.graph.inner[box]).filter((box) => !this.graph.isCall(box));
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
    const { members, lines } = level;
    const inner = members.map(({ kind, ref }) => (kind === "box" && this.open.has(ref) ? this.lay(ref) : null));
    const sizes = members.map((member, i) => this.sizes.size(member, inner[i]));
    const texts = lines.map(({ to, edges }) =>
      inner[to] || members[to].kind === "out" ? "" : this.sizes.label(edges),
    );
    const count = (wanted: Kind) => members.reduce((sum, { kind }) => sum + Number(kind === wanted), 0);
    const [nIns, nOuts] = [count("in"), count("out")];
    const placed = arrange({
      sizes: sizes.map(({ width, height }) => [width, height]),
      nIns,
      nOuts,
      segments: lines.map((line, i) => ({
        upper: line.from,
        upperPort: portAt(inner[line.from], "out", line),
        lower: line.to,
        lowerPort: portAt(inner[line.to], "in", line),
        label: texts[i] ? [widthOf(texts[i], "plain") + LABEL_GAP, LABEL_HEIGHT] : null,
      })),
    });
    const title = box === 0 ? 0 : widthOf(this.sizes.boxTitle(box), "title") + 34;
    const width = Math.max(placed.width, title) + 2 * PADDING;
    // Below a port on the border the layout leaves room enough; else the padding does.
    const top = box === 0 ? PADDING : TITLE + (nIns ? 0 : PADDING / 2);
    const height = top + placed.height + (nOuts ? 0 : PADDING);
    const laid: Laid = { ...shifted(placed, (width - placed.width) / 2, top), width, height, level, sizes, texts };
    lines.forEach((line, i) => {
      const route = laid.routes[i];
      const [x, end] = [route[0], route[route.length - 2]];
      if (members[line.from].kind === "in") route.unshift(x, 0, x, 0, x, top);
      if (members[line.to].kind === "out") route.push(end, height, end, height, end, height);
    });
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
      const [left, top] = laid.positions[i];
      return { ...member, ...laid.sizes[i], x: x + left, y: y + top, depth, isOpen };
    });
    for (const item of items) {
      this.items.push(item);
      const key = `${item.kind} ${item.ref}`;
      if (!this.byKey.has(key)) this.byKey.set(key, item);
    }
    for (const [i, line] of laid.level.lines.entries()) {
      const route = laid.routes[i].map((value, k) => value + (k % 2 ? y : x));
      const at = laid.labels[i];
      const label = at && { text: laid.texts[i], x: x + at[0] - widthOf(laid.texts[i], "plain") / 2 + 1, y: y + at[1] };
      this.wires.push(wireOf(this.trace, this.pass, this.graph, line, items, route, label));
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
  return found < 0 ? null : inner.positions[found][0];
}

/** The same, at another place. */
function shifted(placed: Arrangement, x: number, y: number): Arrangement {
  return {
    ...placed,
    positions: placed.positions.map(([left, top]) => [left + x, top + y]),
    labels: placed.labels.map((at) => at && [at[0] + x, at[1] + y]),
    routes: placed.routes.map((route) => route.map((value, i) => value + (i % 2 ? y : x))),
  };
}
