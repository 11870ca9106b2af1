// What the panel says of anything: links to nodes and leaves, rows of leaves, findings.

import type { App, Selection } from "./app";
import { sparkline } from "./chart";
import { el } from "./dom";
import { brief } from "./numbers";
import { placeText, source } from "./source";
import type { Finding } from "./trace";

export class Details {
  constructor(readonly app: App) {}

  link(text: string, selection: Selection): HTMLElement {
    return el(
      "button",
      { type: "button", class: "link", click: () => this.app.select(selection) },
      text.length > 80 ? `${text.slice(0, 79)}…` : text,
    );
  }

  /** A link to a node, or to the leaf that it is; `name` stands for its op and its name. */
  linkTo(node: number, name: string | null = null): HTMLElement {
    const graph = this.app.graph!;
    if (graph.isLeaf(node)) return this.link(graph.title(node), { kind: "leaf", ref: graph.nodes.leaf[node] });
    return this.link(name ?? graph.title(node), { kind: "node", ref: node });
  }

  leafRow(id: number): HTMLElement {
    const { trace, pass } = this.app;
    const leaf = trace.leaves[id];
    const row = pass?.byLeaf.get(id);
    const text =
      row && !row.isMeasured
        ? `.grad ${row.effect}, not measured`
        : row
          ? `.grad ${brief(trace.measured(row.before), "g", 16)} → ${brief(trace.measured(row.after), "g", 16)}`
          : trace.focus === null
            ? pass?.call === "none"
              ? "no backward was run"
              : "not in this pass"
            : "not on this page";
    return el(
      "button",
      { type: "button", class: "leafrow", click: () => this.app.select({ kind: "leaf", ref: id }) },
      el("b", {}, leaf.name.slice(0, 120)),
      sparkline(trace, id),
      el("small", {}, `${leaf.spec} · ${text}`),
    );
  }

  finding(finding: Finding, canJump = false): HTMLElement {
    const { trace } = this.app;
    return el(
      "div",
      { class: `finding ${["error", "warning"].includes(finding.severity) ? finding.severity : "info"}` },
      el("p", { class: "rule" }, `${finding.severity} · ${finding.rule}`),
      el("p", {}, finding.message),
      canJump ? source(trace.place(finding.place)) : null,
      ...(canJump
        ? finding.related.map((item) =>
            el("div", {}, el("p", { class: "quiet" }, item.message), source(trace.place(item.place))),
          )
        : []),
      finding.help ? el("p", { class: "quiet" }, `Help: ${finding.help}`) : null,
      canJump
        ? el("p", {}, el("button", { type: "button", class: "link", click: () => this.jump(finding) }, "Show it"))
        : null,
    );
  }

  private jump(finding: Finding): void {
    const { app } = this;
    if (finding.passes.length && !finding.passes.includes(app.pass?.index ?? -1)) {
      const pass = app.trace.passes.find((one) => finding.passes.includes(one.index));
      if (pass) app.showPass(pass.position);
    }
    const node = app.nodesOf(finding)[0];
    const cut = app.cutsOf(finding)[0];
    if (cut !== undefined) app.select({ kind: "cut", ref: cut });
    else if (node !== undefined && app.graph)
      app.select(
        app.graph.isLeaf(node) ? { kind: "leaf", ref: app.graph.nodes.leaf[node] } : { kind: "node", ref: node },
      );
    else if (finding.leaves.length) app.select({ kind: "leaf", ref: finding.leaves[0] });
  }

  placeOf(place: number): HTMLElement {
    const at = this.app.trace.place(place);
    return el("span", { class: "quiet" }, at ? placeText(at) : "");
  }
}
