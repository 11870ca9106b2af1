// The texts of everything that is drawn, and the room that they need.

import type { PassGraph } from "./graph";
import type { Member } from "./level";
import { cut, widthOf } from "./measure";
import { brief, count, elements, number, plus } from "./numbers";
import { placeText } from "./source";
import type { Leaf, Pass, Trace } from "./trace";

/** What a cut says in its last line. */
export const CUT_OFF = "no gradient goes on here";

/** Longer values are not written out in a box. */
const VALUE_SHOWN = 20;

export interface Size {
  width: number;
  height: number;
  title: string;
  name: string;
  detail: string;
  /** Of a closed box: the range of the gradients of the leaves in it. */
  range?: string;
}

export class Sizes {
  private readonly boxes = new Map<number, Size>();

  constructor(
    private readonly trace: Trace,
    private readonly pass: Pass,
    private readonly graph: PassGraph,
  ) {}

  boxTitle(box: number): string {
    return cut(this.graph.boxTitle(box), 48);
  }

  size(member: Member, inner: { width: number; height: number } | null): Size {
    const none = { title: "", name: "", detail: "" };
    if (member.kind === "in" || member.kind === "out") return { width: 0, height: 0, ...none };
    if (inner)
      return {
        width: inner.width,
        height: inner.height,
        ...none,
        title: this.boxTitle(member.ref),
        name: this.boxType(member.ref),
      };
    if (member.kind === "root") {
      const root = this.pass.roots[member.ref];
      const gradient = this.trace.measured(root.gradient);
      const title =
        this.pass.call === "none"
          ? "no backward was run"
          : gradient
            ? `starts with ${cut(brief(gradient), 24)}`
            : "starts here";
      return { width: widthOf(title, "plain") + 16, height: 20, ...none, title };
    }
    if (member.kind === "box") return this.boxSize(member.ref);
    if (member.kind === "cut") return this.cutSize(member.ref);
    if (member.kind === "constant") return this.constantSize(member.ref);
    return member.kind === "leaf" ? this.leafSize(member.ref) : this.nodeSize(member.ref);
  }

  /** What stands beside a line: what was sent along its only edge. */
  label(edges: number[]): string {
    const sent = edges.length === 1 ? this.graph.edges.sent[edges[0]] : -1;
    if (sent < 0) return "";
    const measured = this.trace.measured(sent)!;
    const whole = measured.value !== null && measured.numel <= 3 ? brief(measured, "g", 18) : "|";
    if (!whole.startsWith("|")) return whole;
    return measured.norm === null ? "" : `|${number(measured.norm, 2)}|`;
  }

  private nodeSize(node: number): Size {
    const title = cut(this.graph.op(node), 32);
    const name = cut(this.graph.name(node) ?? "", 32);
    const detail = this.nodeDetail(node);
    const received = this.trace.measured(this.graph.received(node));
    const gradient = received ? `gradient ${brief(received)}` : "";
    const width = Math.max(
      widthOf(title, "title") + (name ? 6 + widthOf(name, "name") : 0),
      widthOf(detail, "plain"),
      widthOf(gradient, "strong"),
      44,
    );
    return { width: Math.ceil(width) + 20, height: 56, title, name, detail };
  }

  /** Shape and dtype, and the forward value where it was measured. */
  private nodeDetail(node: number): string {
    const spec = cut(this.graph.spec(node), 36);
    const value = this.trace.measured(this.graph.value(node));
    if (!value) return spec;
    const text = brief(value, "x", VALUE_SHOWN);
    return text.startsWith("|") ? `${spec} ${text}` : `${spec} = ${text}`;
  }

  private constantSize(number: number): Size {
    const { name, spec, value } = this.pass.constants[number];
    const whole = value === null ? "" : elements(value);
    const what = whole && whole.length <= VALUE_SHOWN / 2 ? whole : spec;
    const title = cut(`${name} ${what}`, 40);
    return { width: Math.ceil(widthOf(title, "small")) + 12, height: 18, title, name: "", detail: "" };
  }

  private leafSize(node: number): Size {
    const leaf = this.trace.leaves[this.graph.nodes.leaf[node]];
    const row = this.pass.byLeaf.get(leaf.id);
    const title = cut(this.leafName(node), 36);
    const value = this.leafValue(leaf);
    const detail = cut(leaf.spec, 36) + (value && value.length <= VALUE_SHOWN ? ` = ${value}` : "");
    const states =
      row?.effect === "not stored"
        ? [`returned ${brief(this.trace.measured(row.added))}`]
        : row
          ? [row.before, row.after].map((stats) => `.grad ${brief(this.trace.measured(stats))}`)
          : [".grad None"];
    const added = row && row.before >= 0 ? plus(this.trace.measured(row.added)) : "";
    const width = Math.max(
      widthOf(title, "title"),
      widthOf(detail, "plain"),
      ...states.map((state) => widthOf(state + added, "strong")),
      60,
    );
    return { width: Math.ceil(width) + 20, height: 56, title, name: "", detail };
  }

  /** The elements in this pass: what a node saved of it, in the first pass also what it was when it was first seen. */
  private leafValue(leaf: Leaf): string {
    const { saved } = this.graph;
    let value = this.pass.index === 1 ? leaf.value : null;
    for (let row = 0; row < saved.leaf.length; row++) {
      if (saved.leaf[row] === leaf.id) value = this.trace.text(saved.value[row]) ?? value;
    }
    return value === null ? "" : elements(value);
  }

  private cutSize(number: number): Size {
    const one = this.pass.cuts[number];
    const title = `cut ${cut(one.call, 32)}`;
    const name = cut(one.source ?? "", 32);
    const place = this.trace.place(one.place);
    const detail = place ? cut(placeText(place), 40) : "";
    const width = Math.max(
      widthOf(title, "title") + (name ? 6 + widthOf(name, "name") : 0),
      widthOf(detail, "plain"),
      widthOf(CUT_OFF, "strong"),
    );
    return { width: Math.ceil(width) + 20, height: 56, title, name, detail };
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
    let size = this.boxes.get(box);
    if (!size) this.boxes.set(box, (size = this.closedSize(box)));
    return size;
  }

  private closedSize(box: number): Size {
    const title = this.boxTitle(box);
    const name = this.boxType(box);
    const [start, end] = [this.graph.boxes.start[box], this.graph.boxes.end[box]];
    const cuts = this.pass.cuts.filter(
      (one) => start <= this.graph.nodes.position[one.node] && this.graph.nodes.position[one.node] < end,
    ).length;
    const leaves = this.graph.isCall(box) ? new Set<number>() : this.leavesIn(start, end);
    const detail = [
      count(end - start, "op"),
      leaves.size ? count(leaves.size, "leaf", "leaves") : "",
      cuts ? count(cuts, "cut") : "",
    ]
      .filter(Boolean)
      .join(", ");
    const range = this.range(leaves);
    const width = widthOf(title, "title") + (name ? 8 + widthOf(name, "plain") : 0);
    const widest = Math.max(width, widthOf(detail, "plain"), widthOf(range, "strong"), 90);
    return { width: Math.ceil(widest) + 40, height: range ? 60 : 46, title, name, detail, range };
  }

  private leavesIn(start: number, end: number): Set<number> {
    const { graph } = this;
    const found = new Set<number>();
    for (let position = start; position < end; position++) {
      const node = graph.inOrder[position];
      for (let row = graph.sends.starts[node]; row < graph.sends.starts[node + 1]; row++) {
        const leaf = graph.nodes.leaf[graph.edges.target[graph.sends.rows[row]]];
        if (leaf >= 0) found.add(leaf);
      }
    }
    return found;
  }

  /** What the pass added to leaves, from the smallest norm to the largest. */
  private range(leaves: Set<number>): string {
    let [low, high, isBad] = [Infinity, -Infinity, false];
    for (const leaf of leaves) {
      const added = this.pass.byLeaf.get(leaf)?.added ?? -1;
      if (added < 0) continue;
      const norm = this.trace.norms[added];
      isBad ||= this.trace.isBad(added);
      if (norm < low) low = norm;
      if (norm > high) high = norm;
    }
    if (isBad) return "NaN or Inf in its leaves";
    if (high < low) return "";
    const [from, to] = [number(low, 3), number(high, 3)];
    return `leaf grads |g| ${from === to ? from : `${from} … ${to}`}`;
  }
}
