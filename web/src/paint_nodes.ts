// Paints nodes and leaves as they are at a moment.

import { type Brush, rounded } from "./brush";
import type { Look } from "./look";
import { FONTS, widthOf } from "./measure";
import { brief, number, plus } from "./numbers";
import type { BoxStyle } from "./palette";
import type { Item, Scene } from "./scene";
import { CUT_OFF } from "./sizes";

type Progress = "waiting" | "active" | "done" | "idle";

export class NodePainter {
  private readonly most = new Map<number, number>();
  private readonly context: CanvasRenderingContext2D;

  constructor(
    private readonly brush: Brush,
    private readonly scene: Scene,
  ) {
    this.context = brush.context;
  }

  private progress(node: number, look: Look): Progress {
    const order = look.moment.graph!.nodes.order[node];
    if (order < 0) return "idle";
    const step = Math.floor(look.moment.time);
    return order < step ? "done" : order === step ? "active" : "waiting";
  }

  node(item: Item, look: Look, zoom: number): void {
    const { moment } = look;
    const graph = moment.graph!;
    const progress = this.progress(item.ref, look);
    const received = graph.received(item.ref);
    const isDone = progress === "done" || progress === "active" || (progress === "idle" && received >= 0);
    const isBad = isDone && this.scene.trace.isBad(received);
    const style = this.style(item, progress, isBad, look);
    this.context.globalAlpha = progress === "waiting" ? 0.8 : 1;
    this.brush.shape(item.x, item.y, item.width, item.height, style, zoom);
    if (item.kind === "leaf") this.fill(item, look);
    else if (isDone && look.scale && received >= 0 && !isBad) this.stripe(item, received, look);
    this.context.globalAlpha = 1;
    if (progress === "active" && moment.time < graph.nSteps) this.glow(item, look);
    if (zoom > 0.3) this.words(item, progress, isDone ? received : -1, style, look, zoom);
    if (zoom > 0.45) this.tags(item, look);
    this.pin(item, look, (node) => node === item.ref);
  }

  /** A value that left the graph: grey, dashed, and no gradient comes to it. */
  cut(item: Item, look: Look, zoom: number): void {
    const { boxes, muted } = look.theme;
    const style = boxes.cut;
    this.brush.shape(item.x, item.y, item.width, item.height, style, zoom);
    if (look.markedCuts.has(item.ref)) this.badge(item, look);
    if (zoom > 0.3) this.heading(item, style.ink);
    if (zoom <= 0.45) return;
    const centre = item.x + item.width / 2;
    this.brush.text(item.detail, "plain", muted, centre, item.y + 30);
    this.brush.text(CUT_OFF, "strong", style.ink, centre, item.y + 45);
  }

  private heading(item: Item, ink: string): void {
    const { context } = this;
    context.font = FONTS.title;
    const space = item.name ? 6 : 0;
    const titleWidth = context.measureText(item.title).width;
    context.font = FONTS.name;
    const whole = titleWidth + (item.name ? context.measureText(item.name).width : 0) + space;
    const left = item.x + (item.width - whole) / 2;
    this.brush.text(item.title, "title", ink, left, item.y + 15, "left");
    if (item.name) this.brush.text(item.name, "name", ink, left + titleWidth + space, item.y + 15, "left");
  }

  /** Says on the border that hooks are there, or that the gradient is kept. */
  private tags(item: Item, look: Look): void {
    const { graph } = look.moment;
    const words = new Set<string>();
    for (const row of graph!.rows(graph!.outputsOf, item.ref)) {
      if (graph!.outputs.hooks[row]) words.add("hook");
      if (graph!.outputs.flags[row] & 1) words.add("retains grad");
    }
    let x = item.x + 6;
    for (const word of words) {
      const width = widthOf(word, "small") + 8;
      this.context.fillStyle = look.theme.badge;
      rounded(this.context, x, item.y - 7, width, 13, 3);
      this.context.fill();
      this.brush.text(word, "small", look.theme.badge_ink, x + width / 2, item.y - 0.5);
      x += width + 4;
    }
  }

  private style(item: Item, progress: Progress, isBad: boolean, look: Look): BoxStyle {
    const { boxes } = look.theme;
    const { pass, graph } = look.moment;
    if (pass.error && pass.error.node === item.ref) return boxes.failed;
    if (isBad) return boxes["non-finite"];
    const isTaken = item.kind === "leaf" && pass.byLeaf.get(graph!.nodes.leaf[item.ref])?.effect === "not stored";
    if (item.kind === "leaf")
      return progress === "idle" && pass.call !== "none" && !isTaken
        ? { ...boxes.leaf, dashed: true, fill: boxes.idle.fill }
        : boxes.leaf;
    if (progress === "idle" && pass.call !== "none") return boxes.idle;
    if (pass.roots.some((root) => root.node === item.ref)) return boxes.root;
    return graph!.nodes.flags[item.ref] & 1 ? boxes.custom : boxes.op;
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
    const centre = item.x + item.width / 2;
    const ink = style.ink;
    this.heading(item, ink);
    if (zoom <= 0.45) return;
    this.brush.text(
      item.detail,
      "plain",
      style === look.theme.boxes.failed ? ink : look.theme.muted,
      centre,
      item.y + 30,
    );
    const third = item.kind === "leaf" ? this.gradText(item, look) : this.receivedText(item, progress, received, look);
    const isBad = third.isBad;
    this.brush.text(
      third.text,
      "strong",
      isBad ? look.theme.non_finite : third.isMuted ? look.theme.muted : ink,
      centre,
      item.y + 45,
    );
  }

  /** Whether autograd.grad has got the leaf's gradient: then the engine does not run the leaf itself. */
  private isReturned(item: Item, look: Look): boolean {
    const progress = this.progress(item.ref, look);
    return progress === "done" || (progress === "idle" && look.moment.time >= look.moment.graph!.nSteps);
  }

  private gradText(item: Item, look: Look): { text: string; isBad: boolean; isMuted: boolean } {
    const { trace } = this.scene;
    const leaf = look.moment.graph!.nodes.leaf[item.ref];
    const state = look.timeline.leaf(leaf, look.moment);
    const row = look.moment.pass.byLeaf.get(leaf);
    if (row?.effect === "not stored" && this.isReturned(item, look)) {
      return { text: `returned ${brief(trace.measured(row.added))}`, isBad: trace.isBad(row.added), isMuted: false };
    }
    if (state.kind === "zeros") return { text: ".grad 0", isBad: false, isMuted: true };
    if (state.kind === "changed") return { text: ".grad changed", isBad: false, isMuted: false };
    if (state.stats === null) return { text: "", isBad: false, isMuted: true };
    if (state.isStepped && state.stats >= 0)
      return {
        text: `.grad ${brief(trace.measured(state.stats))} ⇢ step`,
        isBad: trace.isBad(state.stats),
        isMuted: false,
      };
    const added = state.isAdded && row && row.before >= 0 ? plus(trace.measured(row.added)) : "";
    const waits = this.arrived(item.ref, look);
    const text = waits || `.grad ${brief(state.stats < 0 ? null : trace.measured(state.stats))}${added}`;
    return { text, isBad: trace.isBad(state.stats), isMuted: state.stats < 0 };
  }

  private receivedText(
    item: Item,
    progress: Progress,
    received: number,
    look: Look,
  ): { text: string; isBad: boolean; isMuted: boolean } {
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

  pin(item: Item, look: Look, isHere: (node: number) => boolean): void {
    for (const node of look.marked) {
      if (isHere(node)) {
        this.badge(item, look);
        return;
      }
    }
  }

  private badge(item: Item, look: Look): void {
    const { context } = this;
    const [x, y] = [item.x + item.width - 2, item.y + 2];
    context.fillStyle = look.theme.badge;
    context.strokeStyle = look.theme.badge_ink;
    context.lineWidth = 1;
    context.beginPath();
    context.arc(x, y, 8, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
    this.brush.text("!", "strong", look.theme.badge_ink, x, y + 0.5);
  }
}
