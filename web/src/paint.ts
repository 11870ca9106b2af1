// Paints what is visible of the picture.

import { FONTS, cut } from "./measure";
import { brief, number } from "./numbers";
import { Scale, type BoxStyle, type Theme } from "./palette";
import { pointOn, type Item, type Scene, type Wire } from "./scene";
import type { Timeline, Moment } from "./timeline";

export interface Camera {
  x: number;
  y: number;
  zoom: number;
}

export interface Look {
  theme: Theme;
  scale: Scale | null;
  moment: Moment;
  timeline: Timeline;
  selected: Item | null;
  hovered: Item | Wire | null;
  /** Nodes that a finding points at. */
  marked: ReadonlySet<number>;
  isPlaying: boolean;
}

type Progress = "waiting" | "active" | "done" | "idle";

export class Painter {
  private readonly most = new Map<number, number>();

  constructor(
    private readonly context: CanvasRenderingContext2D,
    private readonly scene: Scene,
  ) {}

  paint(width: number, height: number, ratio: number, camera: Camera, look: Look): void {
    const { context, scene } = this;
    const { zoom } = camera;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = look.theme.paper;
    context.fillRect(0, 0, width, height);
    context.setTransform(ratio * zoom, 0, 0, ratio * zoom, -camera.x * zoom * ratio, -camera.y * zoom * ratio);
    const [left, top] = [camera.x, camera.y];
    const [right, bottom] = [left + width / zoom, top + height / zoom];
    const isSeen = (x: number, y: number, w: number, h: number) => x < right && x + w > left && y < bottom && y + h > top;
    const items = scene.items.filter((item) => isSeen(item.x - 12, item.y - 12, item.width + 24, item.height + 24));
    const wires = scene.wires.filter((wire) => isSeen(wire.left - 40, wire.top - 4, wire.right - wire.left + 80, wire.bottom - wire.top + 8));
    for (const item of items) if (item.isOpen) this.openBox(item, look, zoom);
    for (const wire of wires) this.wire(wire, look, zoom);
    for (const item of items) if (!item.isOpen) this.item(item, look, zoom);
    for (const item of items) if (item.isOpen && zoom > 0.6) this.title(item, look);
    if (zoom > 0.45) for (const wire of wires) this.label(wire, look, zoom);
    if (zoom <= 0.6) this.farTitles(items.filter((item) => item.isOpen), look, zoom);
    for (const item of items) if (item === look.selected || item === look.hovered) this.ring(item, look, item === look.selected);
  }

  private openBox(item: Item, look: Look, zoom: number): void {
    const { context } = this;
    const { theme } = look;
    context.globalAlpha = item.depth % 2 ? 1 : 0.75;
    context.fillStyle = theme.cluster_fill;
    rounded(context, item.x, item.y, item.width, item.height, 8);
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = theme.cluster_border;
    context.lineWidth = Math.max(1, 0.7 / zoom);
    context.stroke();
  }

  private title(item: Item, look: Look): void {
    const { context } = this;
    const { theme } = look;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.font = FONTS.strong;
    context.lineJoin = "round";
    context.strokeStyle = theme.cluster_fill;
    context.lineWidth = 5;
    context.strokeText(item.title, item.x + 24, item.y + 14);
    context.fillStyle = theme.ink;
    context.fillText(item.title, item.x + 24, item.y + 14);
    const start = item.x + 24 + context.measureText(item.title).width + 7;
    context.font = FONTS.plain;
    context.fillStyle = theme.muted;
    if (start + context.measureText(item.name).width < item.x + item.width - 8) {
      context.strokeText(item.name, start, item.y + 14);
      context.fillText(item.name, start, item.y + 14);
    }
    this.handle(item.x + 13, item.y + 14, true, theme);
  }

  /** The boxes' names in letters of constant size, when the picture is small; where two would collide, the outer one. */
  private farTitles(boxes: Item[], look: Look, zoom: number): void {
    const { context } = this;
    const taken: [number, number, number][] = [];
    context.font = `bold ${11 / zoom}px sans-serif`;
    context.textAlign = "left";
    context.textBaseline = "top";
    context.lineJoin = "round";
    context.strokeStyle = look.theme.cluster_fill;
    context.fillStyle = look.theme.muted;
    context.lineWidth = 4 / zoom;
    for (const item of boxes) {
      const room = item.width * zoom - 10;
      if (room < 40 || item.height * zoom < 24) continue;
      const title = cut(item.title, Math.max(3, Math.floor(room / 7)));
      const [x, y, width] = [item.x + 5 / zoom, item.y + 4 / zoom, context.measureText(title).width];
      if (taken.some(([left, top, wide]) => x < left + wide && x + width > left && Math.abs(y - top) < 13 / zoom)) continue;
      taken.push([x, y, width]);
      context.strokeText(title, x, y);
      context.fillText(title, x, y);
    }
  }

  private progress(node: number, look: Look): Progress {
    const order = look.moment.graph!.nodes.order[node];
    if (order < 0) return "idle";
    const step = Math.floor(look.moment.time);
    return order < step ? "done" : order === step ? "active" : "waiting";
  }

  private wire(wire: Wire, look: Look, zoom: number): void {
    const { context } = this;
    const { theme, moment } = look;
    const { points } = wire;
    const hasArrow = zoom > 0.3 && wire.from.kind !== "in" && !wire.from.isOpen;
    const isSent = wire.nSent > 0 && moment.time > wire.first;
    const isArriving = wire.nSent > 0 && moment.time > wire.first && moment.time < wire.last + 1;
    const isHot = look.hovered === wire || (look.selected !== null && (wire.from === look.selected || wire.to === look.selected));
    context.beginPath();
    context.moveTo(points[0], points[1] + (hasArrow ? 7 : 0));
    for (let i = 2; i < points.length; i += 6) {
      context.bezierCurveTo(points[i], points[i + 1], points[i + 2], points[i + 3], points[i + 4], points[i + 5]);
    }
    context.strokeStyle = theme.no_gradient;
    context.lineWidth = Math.max(1, 0.8 / zoom);
    context.globalAlpha = isSent && !isArriving ? 1 : 0.55;
    context.setLineDash(wire.nSent ? [] : [4, 4]);
    let width = 1;
    if (isSent && !isArriving) [context.strokeStyle, width] = this.stroke(wire, look);
    if (wire.isBad && isSent) context.setLineDash([9, 4]);
    context.lineWidth = Math.max(width + (isHot ? 1.5 : 0), 0.9 / zoom);
    context.stroke();
    context.globalAlpha = 1;
    context.setLineDash([]);
    if (isArriving) this.moving(wire, look);
    else if (hasArrow) this.arrow(points[0], points[1], isSent ? width : 1, isSent ? this.stroke(wire, look)[0] : theme.no_gradient);
  }

  private stroke(wire: Wire, { theme, scale }: Look): [string, number] {
    if (wire.isBad) return [theme.non_finite, 5];
    if (!scale || Number.isNaN(wire.norm)) return [theme.ramp[1], 1.5];
    if (wire.norm === 0) return [theme.no_gradient, 1];
    return [scale.colour(wire.norm, theme), scale.width(wire.norm)];
  }

  /** The gradient on its way up: the part of the line that it has passed, and a drop at its head. */
  private moving(wire: Wire, look: Look): void {
    const { context } = this;
    const { points } = wire;
    const part = Math.min(1, (look.moment.time - wire.first) / (wire.last + 1 - wire.first));
    const pieces = (points.length - 2) / 6;
    const [colour, width] = this.stroke(wire, look);
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(points[points.length - 2], points[points.length - 1]);
    const n = 14 * pieces;
    let [x, y] = [0, 0];
    for (let k = 0; k <= n * part; k++) {
      const along = pieces - (k / n) * pieces;
      const piece = Math.min(pieces - 1, Math.floor(along));
      [x, y] = pointOn(points, 2 + piece * 6, along - piece);
      context.lineTo(x, y);
    }
    context.stroke();
    context.beginPath();
    context.arc(x, y, width + 3, 0, 2 * Math.PI);
    context.fill();
  }

  private arrow(x: number, y: number, width: number, colour: string): void {
    const { context } = this;
    const size = 4 + width;
    context.fillStyle = colour;
    context.beginPath();
    context.moveTo(x, y - 0.5);
    context.lineTo(x - size * 0.62, y + size * 1.3);
    context.lineTo(x + size * 0.62, y + size * 1.3);
    context.closePath();
    context.fill();
  }

  private label(wire: Wire, look: Look, zoom: number): void {
    if (!wire.label || look.moment.time < wire.last + 1) return;
    if (wire.label.startsWith("|") && zoom < 0.75 && look.hovered !== wire) return;
    const { context } = this;
    const pieces = (wire.points.length - 2) / 6;
    const last = wire.points.length - 6;
    const isOdd = wire.line.slots > 1 && wire.line.slot % 2 === 1;
    const [onLine, y] = pointOn(wire.points, last, pieces > 1 ? 0.55 : isOdd ? 0.45 : 0.58);
    const isLeft = (wire.line.slot + 1) / (wire.line.slots + 1) < 0.5;
    const beside = this.stroke(wire, look)[1] / 2 + 4;
    const x = isLeft ? onLine - beside : onLine + beside;
    context.font = wire.isBad ? FONTS.strong : FONTS.plain;
    context.textAlign = isLeft ? "right" : "left";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.strokeStyle = look.theme.paper;
    context.lineWidth = 4;
    context.strokeText(wire.label, x, y);
    context.fillStyle = wire.isBad ? look.theme.non_finite : look.theme.ink;
    context.fillText(wire.label, x, y);
  }

  private item(item: Item, look: Look, zoom: number): void {
    if (item.kind === "in" || item.kind === "out") return;
    if (item.kind === "root") this.start(item, look, zoom);
    else if (item.kind === "box") this.closedBox(item, look, zoom);
    else this.node(item, look, zoom);
  }

  private start(item: Item, look: Look, zoom: number): void {
    const { context } = this;
    const style = look.theme.boxes.root;
    context.fillStyle = style.fill;
    rounded(context, item.x, item.y, item.width, item.height, 10);
    context.fill();
    if (zoom > 0.4) this.text(item.title, "plain", style.ink, item.x + item.width / 2, item.y + item.height / 2);
  }

  private closedBox(item: Item, look: Look, zoom: number): void {
    const { context } = this;
    const { theme, moment } = look;
    const graph = moment.graph!;
    const style = theme.boxes.folded;
    const [start, end] = [graph.boxes.start[item.ref], graph.boxes.end[item.ref]];
    const [ran, total] = progressOf(moment, start, end);
    if (zoom > 0.3) {
      for (const shift of [5, 2.5]) this.shape(item.x + shift, item.y + shift, item.width, item.height, style, 1);
    }
    this.shape(item.x, item.y, item.width, item.height, total ? style : theme.boxes.idle, zoom);
    const isRunning = ran > 0 && ran < total;
    if (isRunning || (ran === total && total)) {
      context.fillStyle = look.scale && ran === total ? this.exitColour(item, look) : style.border;
      context.fillRect(item.x + 10, item.y + item.height - 7, (item.width - 20) * (ran / total), 3);
    }
    if (zoom <= 0.3) return;
    this.handle(item.x + 14, item.y + 16, false, theme);
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.font = FONTS.title;
    context.fillStyle = style.ink;
    context.fillText(item.title, item.x + 26, item.y + 16);
    if (zoom <= 0.45) return;
    const after = item.x + 26 + context.measureText(item.title).width + 8;
    context.font = FONTS.plain;
    context.fillStyle = theme.muted;
    context.fillText(item.name, after, item.y + 16.5);
    context.fillText(isRunning ? `${ran} of ${total} ran` : item.detail, item.x + 26, item.y + 31);
    this.pin(item, look, (node) => graph.nodes.position[node] >= start && graph.nodes.position[node] < end);
  }

  /** The colour of the largest gradient that leaves the box upwards. */
  private exitColour(item: Item, look: Look): string {
    let norm = NaN;
    for (const wire of this.exits(item)) {
      if (wire.isBad) return look.theme.non_finite;
      if (!(norm >= wire.norm)) norm = wire.norm;
    }
    return Number.isNaN(norm) ? look.theme.boxes.folded.border : look.scale!.colour(norm, look.theme);
  }

  private exits(item: Item): Wire[] {
    this.exitsOf ??= groupBy(this.scene.wires);
    return this.exitsOf.get(item) ?? [];
  }

  private exitsOf: Map<Item, Wire[]> | null = null;

  private node(item: Item, look: Look, zoom: number): void {
    const { moment } = look;
    const graph = moment.graph!;
    const progress = this.progress(item.ref, look);
    const received = graph.received(item.ref);
    const isDone = progress === "done" || progress === "active" || (progress === "idle" && received >= 0);
    const isBad = isDone && this.scene.trace.isBad(received);
    const style = this.style(item, progress, isBad, look);
    this.context.globalAlpha = progress === "waiting" ? 0.8 : 1;
    this.shape(item.x, item.y, item.width, item.height, style, zoom);
    if (item.kind === "leaf") this.fill(item, look);
    else if (isDone && look.scale && received >= 0 && !isBad) this.stripe(item, received, look);
    this.context.globalAlpha = 1;
    if (progress === "active" && moment.time < graph.nSteps) this.glow(item, look);
    if (zoom > 0.3) this.words(item, progress, isDone ? received : -1, style, look, zoom);
    if (item.kind === "node") this.pin(item, look, (node) => node === item.ref);
    else this.pin(item, look, (node) => node === item.ref);
  }

  private style(item: Item, progress: Progress, isBad: boolean, look: Look): BoxStyle {
    const { boxes } = look.theme;
    const { pass, graph } = look.moment;
    if (pass.error && pass.error.node === item.ref) return boxes.failed;
    if (isBad) return boxes["non-finite"];
    if (item.kind === "leaf") return progress === "idle" && pass.call !== "none" ? { ...boxes.leaf, dashed: true, fill: boxes.idle.fill } : boxes.leaf;
    if (progress === "idle" && pass.call !== "none") return boxes.idle;
    if (pass.roots.some((root) => root.node === item.ref)) return boxes.root;
    return graph!.nodes.flags[item.ref] & 1 ? boxes.custom : boxes.op;
  }

  private shape(x: number, y: number, width: number, height: number, style: BoxStyle, zoom: number): void {
    const { context } = this;
    rounded(context, x, y, width, height, style.shape === "square" ? 2 : 6);
    context.fillStyle = style.fill;
    context.fill();
    context.strokeStyle = style.border;
    context.lineWidth = Math.max(style.width, 0.7 / zoom);
    context.setLineDash(style.dashed ? [4, 3] : []);
    context.stroke();
    if (style.double && zoom > 0.3) {
      rounded(context, x + 3, y + 3, width - 6, height - 6, 4);
      context.lineWidth = 0.8;
      context.stroke();
    }
    if (style.shape === "cut" && zoom > 0.3) {
      context.beginPath();
      for (const [px, py, dx, dy] of [[x, y, 1, 1], [x + width, y, -1, 1], [x, y + height, 1, -1], [x + width, y + height, -1, -1]]) {
        context.moveTo(px + 9 * dx, py);
        context.lineTo(px, py + 9 * dy);
      }
      context.stroke();
    }
    context.setLineDash([]);
  }

  /** A leaf is a vessel: the level is its .grad, in proportion to the most that it ever held. */
  private fill(item: Item, look: Look): void {
    const { context } = this;
    const leaf = look.moment.graph!.nodes.leaf[item.ref];
    const state = look.timeline.leaf(leaf, look.moment);
    if (state.stats === null || state.stats < 0) return;
    let most = this.most.get(leaf);
    if (most === undefined) this.most.set(leaf, (most = look.timeline.largest(leaf)));
    const norm = this.scene.trace.norms[state.stats];
    const level = Number.isNaN(norm) || !most || !Number.isFinite(most) ? 1 : norm / most;
    context.fillStyle = look.theme.drawn;
    const height = Math.max(2, (item.height - 2) * level);
    context.fillRect(item.x + 1, item.y + item.height - 1 - height, item.width - 2, height);
  }

  private stripe(item: Item, received: number, look: Look): void {
    const norm = this.scene.trace.norms[received];
    if (Number.isNaN(norm)) return;
    this.context.fillStyle = norm === 0 ? look.theme.no_gradient : look.scale!.colour(norm, look.theme);
    rounded(this.context, item.x + 3, item.y + 7, 3.5, item.height - 14, 1.7);
    this.context.fill();
  }

  private glow(item: Item, look: Look): void {
    const { context } = this;
    context.strokeStyle = look.theme.ramp[2];
    context.lineWidth = 3;
    rounded(context, item.x - 4, item.y - 4, item.width + 8, item.height + 8, 9);
    context.stroke();
  }

  private words(item: Item, progress: Progress, received: number, style: BoxStyle, look: Look, zoom: number): void {
    const { context } = this;
    const centre = item.x + item.width / 2;
    const ink = style.ink;
    context.font = FONTS.title;
    const space = item.name ? 6 : 0;
    const titleWidth = context.measureText(item.title).width;
    context.font = FONTS.name;
    const whole = titleWidth + (item.name ? context.measureText(item.name).width : 0) + space;
    this.text(item.title, "title", ink, centre - whole / 2, item.y + 15, "left");
    if (item.name) this.text(item.name, "name", ink, centre - whole / 2 + titleWidth + space, item.y + 15, "left");
    if (zoom <= 0.45) return;
    this.text(item.detail, "plain", style === look.theme.boxes.failed ? ink : look.theme.muted, centre, item.y + 30);
    const third = item.kind === "leaf" ? this.gradText(item, look) : this.receivedText(item, progress, received, look);
    const isBad = third.isBad;
    this.text(third.text, "strong", isBad ? look.theme.non_finite : third.isMuted ? look.theme.muted : ink, centre, item.y + 45);
  }

  private gradText(item: Item, look: Look): { text: string; isBad: boolean; isMuted: boolean } {
    const { trace } = this.scene;
    const leaf = look.moment.graph!.nodes.leaf[item.ref];
    const state = look.timeline.leaf(leaf, look.moment);
    if (state.kind === "zeros") return { text: ".grad 0", isBad: false, isMuted: true };
    if (state.kind === "changed") return { text: ".grad changed", isBad: false, isMuted: false };
    if (state.stats === null) return { text: "", isBad: false, isMuted: true };
    const row = look.moment.pass.byLeaf.get(leaf);
    const added = state.isAdded && row && row.before >= 0 ? ` (+${brief(trace.measured(row.added), "g", 16)})` : "";
    const waits = this.arrived(item.ref, look);
    const text = waits || `.grad ${brief(state.stats < 0 ? null : trace.measured(state.stats))}${added}`;
    return { text, isBad: trace.isBad(state.stats), isMuted: state.stats < 0 };
  }

  private receivedText(item: Item, progress: Progress, received: number, look: Look): { text: string; isBad: boolean; isMuted: boolean } {
    const { trace } = this.scene;
    if (look.moment.pass.error?.node === item.ref) return { text: "failed here", isBad: true, isMuted: false };
    const waits = progress === "waiting" || progress === "active" ? this.arrived(item.ref, look) : "";
    if (received >= 0) {
      const text = brief(trace.measured(received));
      return { text: waits ? `${waits} = ${text}` : `gradient ${text}`, isBad: trace.isBad(received), isMuted: false };
    }
    const none = look.moment.pass.call === "none" ? "" : progress === "idle" ? "no gradient" : "";
    return { text: waits || none, isBad: false, isMuted: !waits };
  }

  /** The sum as it forms: what has arrived so far, where several edges meet. */
  private arrived(node: number, look: Look): string {
    const { graph, time } = look.moment;
    const { edges, nodes } = graph!;
    const step = Math.floor(time);
    if (nodes.order[node] < 0 || nodes.order[node] < step) return "";
    let [n, total] = [0, 0];
    const parts: string[] = [];
    for (const edge of graph!.rows(graph!.receives, node)) {
      if (edges.sent[edge] < 0) continue;
      total++;
      if (nodes.order[edges.source[edge]] >= step) continue;
      n++;
      const stats = this.scene.trace.measured(edges.sent[edge])!;
      if (stats.numel === 1 && stats.value !== null) parts.push(brief(stats));
    }
    if (!n || total < 2) return "";
    if (parts.length === n && n <= 4) return `Σ ${parts.join(" + ")}${n < total ? " + …" : ""}`;
    return n < total ? `Σ ${number(n)} of ${number(total)}` : "Σ";
  }

  private pin(item: Item, look: Look, isHere: (node: number) => boolean): void {
    for (const node of look.marked) {
      if (!isHere(node)) continue;
      const { context } = this;
      const [x, y] = [item.x + item.width - 2, item.y + 2];
      context.fillStyle = look.theme.badge;
      context.strokeStyle = look.theme.badge_ink;
      context.lineWidth = 1;
      context.beginPath();
      context.arc(x, y, 8, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
      this.text("!", "strong", look.theme.badge_ink, x, y + 0.5);
      return;
    }
  }

  /** Says that a box can be opened or closed. */
  private handle(x: number, y: number, isOpen: boolean, theme: Theme): void {
    const { context } = this;
    context.strokeStyle = theme.muted;
    context.lineWidth = 1.2;
    context.strokeRect(x - 4.5, y - 4.5, 9, 9);
    context.beginPath();
    context.moveTo(x - 2.5, y);
    context.lineTo(x + 2.5, y);
    if (!isOpen) {
      context.moveTo(x, y - 2.5);
      context.lineTo(x, y + 2.5);
    }
    context.stroke();
  }

  private ring(item: Item, look: Look, isSelected: boolean): void {
    const { context } = this;
    context.strokeStyle = look.theme.ink;
    context.globalAlpha = isSelected ? 1 : 0.35;
    context.lineWidth = 2;
    rounded(context, item.x - 4, item.y - 4, item.width + 8, item.height + 8, 9);
    context.stroke();
    context.globalAlpha = 1;
  }

  private text(text: string, font: keyof typeof FONTS, colour: string, x: number, y: number, align: CanvasTextAlign = "center"): void {
    if (!text) return;
    const { context } = this;
    context.font = FONTS[font];
    context.fillStyle = colour;
    context.textAlign = align;
    context.textBaseline = "middle";
    context.fillText(text, x, y);
  }
}

/** How many of the nodes at positions `[start, end)` have run, and how many run in this pass. */
function progressOf({ graph, time }: Moment, start: number, end: number): [number, number] {
  const { order } = graph!.nodes;
  let [ran, total] = [0, 0];
  const step = Math.floor(time);
  for (let position = start; position < end; position++) {
    const at = order[graph!.inOrder[position]];
    if (at < 0) continue;
    total++;
    if (at < step) ran++;
  }
  return [ran, total];
}

function groupBy(wires: Wire[]): Map<Item, Wire[]> {
  const found = new Map<Item, Wire[]>();
  for (const wire of wires) {
    const others = found.get(wire.to);
    if (others) others.push(wire);
    else found.set(wire.to, [wire]);
  }
  return found;
}

function rounded(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, radius: number): void {
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
}
