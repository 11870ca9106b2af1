// What the page shows at the moment, and who is told when that changes.

import type { PassGraph } from "./graph";
import { Scale } from "./palette";
import { Scene } from "./scene";
import { type Moment, Timeline } from "./timeline";
import type { Finding, Pass, Trace } from "./trace";

export type Selection = { kind: "node" | "leaf" | "box" | "cut"; ref: number } | null;
export type Change = "pass" | "time" | "selection" | "scene" | "theme";

export class App {
  readonly timeline: Timeline;
  pass: Pass | null = null;
  graph: PassGraph | null = null;
  scene: Scene | null = null;
  scale: Scale | null = null;
  time = 0;
  isPlaying = false;
  selection: Selection = null;
  /** Nodes of the pass at which findings point. */
  marked = new Map<number, Finding[]>();
  /** The same for cuts. */
  markedCuts = new Map<number, Finding[]>();
  private readonly listeners: ((change: Change) => void)[] = [];

  constructor(readonly trace: Trace) {
    this.timeline = new Timeline(trace);
  }

  listen(listener: (change: Change) => void): void {
    this.listeners.push(listener);
  }

  tell(change: Change): void {
    for (const listener of this.listeners) listener(change);
  }

  get moment(): Moment | null {
    return this.pass && { pass: this.pass, graph: this.graph, time: this.time };
  }

  get isDark(): boolean {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  get theme() {
    return this.isDark ? this.trace.themes.dark : this.trace.themes.light;
  }

  showPass(position: number, time?: number): void {
    const pass = this.trace.passes[position];
    if (!pass) return;
    if (pass !== this.pass) {
      const open = this.scene?.openPaths() ?? null;
      const selected = this.selection;
      this.pass = pass;
      this.graph = pass.graph();
      this.scene = this.graph && new Scene(this.trace, pass, this.graph, open);
      this.scale = Scale.of(this.sentNorms());
      this.marked = this.findMarked((finding) => this.nodesOf(finding));
      this.markedCuts = this.findMarked((finding) => this.cutsOf(finding));
      this.time = time ?? this.timeline.steps(pass);
      if (selected && selected.kind !== "leaf" && !this.exists(selected)) this.selection = null;
      this.tell("pass");
    } else if (time !== undefined) this.setTime(time);
  }

  setTime(time: number): void {
    if (!this.pass) return;
    this.time = Math.max(0, Math.min(this.timeline.end(this.pass), time));
    this.tell("time");
  }

  select(selection: Selection): void {
    this.selection = selection;
    if (selection && this.scene && (selection.kind === "node" || selection.kind === "box"))
      this.scene.reveal(selection.kind, selection.ref);
    if (selection?.kind === "cut" && this.scene) this.scene.reveal("node", this.pass!.cuts[selection.ref].node);
    if (selection?.kind === "leaf" && this.scene) {
      for (const node of this.graph!.nodesOfLeaf.get(selection.ref) ?? []) this.scene.reveal("node", node);
    }
    this.tell("selection");
  }

  toggle(box: number): void {
    this.scene?.toggle(box);
    this.tell("scene");
  }

  /** How many there are of what can be chosen. */
  count(kind: NonNullable<Selection>["kind"]): number {
    const { trace, graph, pass } = this;
    return {
      node: graph?.nNodes ?? 0,
      leaf: trace.leaves.length,
      box: graph?.nBoxes ?? 0,
      cut: graph ? pass!.cuts.length : 0,
    }[kind];
  }

  private exists(selection: NonNullable<Selection>): boolean {
    return selection.ref < this.count(selection.kind);
  }

  private *sentNorms(): Generator<number> {
    if (!this.graph) return;
    for (const stats of this.graph.edges.sent) if (stats >= 0) yield this.trace.norms[stats];
    for (const root of this.pass!.roots) if (root.gradient >= 0) yield this.trace.norms[root.gradient];
  }

  private findMarked(pointsAt: (finding: Finding) => number[]): Map<number, Finding[]> {
    const marked = new Map<number, Finding[]>();
    for (const finding of this.trace.findings) {
      for (const one of pointsAt(finding)) marked.set(one, [...(marked.get(one) ?? []), finding]);
    }
    return marked;
  }

  /** The cuts that the line of a finding made. */
  cutsOf(finding: Finding): number[] {
    const { graph, pass, trace } = this;
    if (!graph || (finding.passes.length && !finding.passes.includes(pass!.index))) return [];
    const place = trace.place(finding.place);
    return pass!.cuts.flatMap((cut, i) => {
      const at = trace.place(cut.place);
      return place && at && at.file === place.file && at.line === place.line ? [i] : [];
    });
  }

  /** The nodes at which a finding points: those made by its line, else, if it made no cut either, those of its leaves. */
  nodesOf(finding: Finding): number[] {
    const { graph, pass, trace } = this;
    if (!graph || (finding.passes.length && !finding.passes.includes(pass!.index))) return [];
    const place = trace.place(finding.place);
    const found: number[] = [];
    if (place) {
      for (let node = 0; node < graph.nNodes && found.length < 20; node++) {
        const at = trace.place(graph.nodes.place[node]);
        if (at && at.file === place.file && at.line >= place.line && at.line <= Math.max(place.line, place.endLine))
          found.push(node);
      }
    }
    return found.length || this.cutsOf(finding).length
      ? found
      : finding.leaves.flatMap((leaf) => graph.nodesOfLeaf.get(leaf) ?? []);
  }
}
