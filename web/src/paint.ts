// Paints what is visible of the picture.

import { Brush, rounded } from "./brush";
import type { Camera } from "./camera";
import type { Look } from "./look";
import { cut, FONTS } from "./measure";
import { NodePainter } from "./paint_nodes";
import { WirePainter } from "./paint_wires";
import type { Item, Scene } from "./scene";
import type { Moment } from "./timeline";
import type { Wire } from "./wire";

export class Painter {
  private readonly brush: Brush;
  private readonly wires: WirePainter;
  private readonly nodes: NodePainter;

  constructor(
    private readonly context: CanvasRenderingContext2D,
    private readonly scene: Scene,
  ) {
    this.brush = new Brush(context);
    this.wires = new WirePainter(context);
    this.nodes = new NodePainter(this.brush, scene);
  }

  paint(width: number, height: number, ratio: number, camera: Camera, look: Look): void {
    const { context, scene } = this;
    const { zoom } = camera;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = look.theme.paper;
    context.fillRect(0, 0, width, height);
    context.setTransform(ratio * zoom, 0, 0, ratio * zoom, -camera.x * zoom * ratio, -camera.y * zoom * ratio);
    const [left, top] = [camera.x, camera.y];
    const [right, bottom] = [left + width / zoom, top + height / zoom];
    const isSeen = (x: number, y: number, w: number, h: number) =>
      x < right && x + w > left && y < bottom && y + h > top;
    const items = scene.items.filter((item) => isSeen(item.x - 12, item.y - 12, item.width + 24, item.height + 24));
    const wires = scene.wires.filter((wire) =>
      isSeen(wire.left - 40, wire.top - 4, wire.right - wire.left + 80, wire.bottom - wire.top + 8),
    );
    for (const item of items) if (item.isOpen) this.openBox(item, look, zoom);
    for (const wire of wires) this.wires.wire(wire, look, zoom);
    for (const item of items) if (!item.isOpen) this.item(item, look, zoom);
    for (const item of items) if (item.isOpen && zoom > 0.6) this.title(item, look);
    for (const wire of wires) this.wires.label(wire, look, zoom);
    if (zoom <= 0.6)
      this.farTitles(
        items.filter((item) => item.isOpen),
        look,
        zoom,
      );
    // A leaf that is drawn at each use is chosen everywhere.
    const isSelected = (item: Item) =>
      item === look.selected ||
      (item.kind === "leaf" && look.selected?.kind === "leaf" && item.ref === look.selected.ref);
    for (const item of items) if (isSelected(item) || item === look.hovered) this.ring(item, look, isSelected(item));
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
    this.brush.handle(item.x + 13, item.y + 14, true, theme);
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
      if (taken.some(([left, top, wide]) => x < left + wide && x + width > left && Math.abs(y - top) < 13 / zoom))
        continue;
      taken.push([x, y, width]);
      context.strokeText(title, x, y);
      context.fillText(title, x, y);
    }
  }

  private item(item: Item, look: Look, zoom: number): void {
    if (item.kind === "in" || item.kind === "out") return;
    if (item.kind === "root") this.start(item, look, zoom);
    else if (item.kind === "box") this.closedBox(item, look, zoom);
    else if (item.kind === "cut") this.nodes.cut(item, look, zoom);
    else if (item.kind === "constant") this.constant(item, look, zoom);
    else this.nodes.node(item, look, zoom);
  }

  private start(item: Item, look: Look, zoom: number): void {
    const { context } = this;
    const style = look.theme.boxes.root;
    context.fillStyle = style.fill;
    rounded(context, item.x, item.y, item.width, item.height, 10);
    context.fill();
    if (zoom > 0.4) this.brush.text(item.title, "plain", style.ink, item.x + item.width / 2, item.y + item.height / 2);
  }

  /** What takes part without a gradient: small and grey. */
  private constant(item: Item, look: Look, zoom: number): void {
    const { context } = this;
    const { theme } = look;
    context.fillStyle = theme.paper;
    context.strokeStyle = theme.no_gradient;
    context.lineWidth = Math.max(0.8, 0.7 / zoom);
    rounded(context, item.x, item.y, item.width, item.height, 9);
    context.fill();
    context.stroke();
    if (zoom > 0.45) this.brush.text(item.title, "small", theme.muted, item.x + item.width / 2, item.y + 9.5);
  }

  private closedBox(item: Item, look: Look, zoom: number): void {
    const { context } = this;
    const { theme, moment } = look;
    const graph = moment.graph!;
    const style = theme.boxes.folded;
    const [start, end] = [graph.boxes.start[item.ref], graph.boxes.end[item.ref]];
    const [ran, total] = progressOf(moment, start, end);
    if (zoom > 0.3) {
      for (const shift of [5, 2.5]) this.brush.shape(item.x + shift, item.y + shift, item.width, item.height, style, 1);
    }
    this.brush.shape(item.x, item.y, item.width, item.height, total ? style : theme.boxes.idle, zoom);
    const isRunning = ran > 0 && ran < total;
    if (isRunning || (ran === total && total)) {
      context.fillStyle = look.scale && ran === total ? this.exitColour(item, look) : style.border;
      context.fillRect(item.x + 10, item.y + item.height - 7, (item.width - 20) * (ran / total), 3);
    }
    if (zoom <= 0.3) return;
    this.brush.handle(item.x + 14, item.y + 16, false, theme);
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
    const isBad = item.range?.startsWith("NaN") ?? false;
    if (item.range && ran === total)
      this.brush.text(item.range, "strong", isBad ? theme.non_finite : style.ink, item.x + 26, item.y + 45, "left");
    this.nodes.pin(item, look, (node) => graph.nodes.position[node] >= start && graph.nodes.position[node] < end);
  }

  /** The colour of the largest gradient that leaves the box upwards. */
  private exitColour(item: Item, look: Look): string {
    let norm = NaN;
    for (const wire of this.exits(item)) {
      if (wire.isBad) return look.theme.non_finite;
      if (!(norm >= wire.norm)) norm = wire.norm;
    }
    if (norm === 0) return look.theme.no_gradient;
    return Number.isNaN(norm) ? look.theme.boxes.folded.border : look.scale!.colour(norm, look.theme);
  }

  private exits(item: Item): Wire[] {
    this.exitsOf ??= groupBy(this.scene.wires);
    return this.exitsOf.get(item) ?? [];
  }

  private exitsOf: Map<Item, Wire[]> | null = null;

  private ring(item: Item, look: Look, isSelected: boolean): void {
    const { context } = this;
    context.strokeStyle = look.theme.ink;
    context.globalAlpha = isSelected ? 1 : 0.35;
    context.lineWidth = 2;
    rounded(context, item.x - 4, item.y - 4, item.width + 8, item.height + 8, 9);
    context.stroke();
    context.globalAlpha = 1;
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
