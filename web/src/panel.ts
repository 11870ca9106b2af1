// The side panel: the selected node, leaf or box, the list of leaves, the findings, the run.

import { byId, el } from "./dom";
import { ledgerChart, sparkline } from "./chart";
import { brief, bytes, count, elements, nonFinite, number } from "./numbers";
import { placeText, source } from "./source";
import { eventText } from "./timeline";
import type { App, Selection } from "./app";
import type { Finding, Stats } from "./trace";

type Tab = "selected" | "leaves" | "findings" | "run";
type Content = Node | string | null | false | undefined;

const TABS: Tab[] = ["selected", "leaves", "findings", "run"];
const LEAVES_SHOWN = 200;
const ROWS_SHOWN = 50;

export class Panel {
  private readonly panel = byId("panel");
  private tab: Tab = "run";
  private filter = "";
  private leavesShown = LEAVES_SHOWN;

  constructor(private readonly app: App) {
    for (const tab of TABS) {
      const button = byId(`tab-${tab}`);
      button.addEventListener("click", () => this.show(tab));
      button.addEventListener("keydown", (event) => {
        const move = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
        if (!move) return;
        const next = TABS[(TABS.indexOf(tab) + move + TABS.length) % TABS.length];
        this.show(next);
        byId(`tab-${next}`).focus();
      });
    }
    const n = app.trace.findings.length;
    byId("tab-findings").textContent = n ? `Findings (${n})` : "Findings";
    app.listen((change) => {
      if (change === "selection" && app.selection) this.show("selected");
      else if (change === "selection" || change === "pass" || change === "theme") this.show(this.tab);
    });
    this.show(n ? "findings" : "run");
  }

  show(tab: Tab): void {
    const isSame = tab === this.tab;
    const top = this.panel.scrollTop;
    this.tab = tab;
    for (const other of TABS) {
      const button = byId(`tab-${other}`);
      button.setAttribute("aria-selected", String(other === tab));
      button.tabIndex = other === tab ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", `tab-${tab}`);
    const content = { selected: () => this.selected(), leaves: () => this.leaves(), findings: () => this.findings(), run: () => this.run() }[tab]();
    this.panel.replaceChildren(...content.filter((part): part is Node | string => Boolean(part)));
    this.panel.scrollTop = isSame && tab !== "selected" ? top : 0;
  }

  private selected(): Content[] {
    const { selection } = this.app;
    if (!selection) return [el("p", { class: "quiet" }, "Choose a node, a leaf or a module in the picture, or search for one. Here stand its source line, shapes, what arrived and what it sent.")];
    if (selection.kind === "leaf") return this.leaf(selection.ref);
    if (!this.app.graph) return [el("p", { class: "quiet" }, "This pass was recorded in the ledger only: it has no graph.")];
    return selection.kind === "box" ? this.box(selection.ref) : this.node(selection.ref);
  }

  private link(text: string, selection: Selection): HTMLElement {
    return el("button", { type: "button", class: "link", click: () => this.app.select(selection) }, text.length > 80 ? `${text.slice(0, 79)}…` : text);
  }

  private linkTo(node: number): HTMLElement {
    const graph = this.app.graph!;
    if (graph.isLeaf(node)) return this.link(graph.title(node), { kind: "leaf", ref: graph.nodes.leaf[node] });
    return this.link(graph.title(node), { kind: "node", ref: node });
  }

  private tensor(stats: Stats | null): HTMLElement {
    if (!stats) return el("span", { class: "quiet" }, "nothing");
    const bad = nonFinite(stats);
    const parts = [stats.norm === null ? "" : `norm ${number(stats.norm)}`];
    if (stats.min !== null && stats.max !== null) parts.push(`${number(stats.min)} … ${number(stats.max)}`);
    if (stats.mean !== null) parts.push(`mean ${number(stats.mean)}`);
    if (stats.zero) parts.push(`${stats.zero.toLocaleString("en-US")} zero`);
    const isWhole = stats.value !== null;
    return el(
      "span", { class: "number" }, isWhole ? el("b", {}, elements(stats.value!)) : parts.shift() || stats.spec, bad ? el("span", { class: "bad" }, ` ${bad}`) : null,
      el("small", {}, [stats.spec, ...(stats.numel === 1 ? [] : parts)].filter(Boolean).join(" · ")),
    );
  }

  private node(node: number): Content[] {
    const { trace, graph, pass, marked } = this.app;
    const { nodes, edges, outputs, saved, args } = graph!;
    const type = trace.text(nodes.type[node]) ?? "";
    const name = graph!.name(node);
    const module = trace.text(nodes.module[node]);
    const moduleType = trace.text(nodes.moduleType[node]);
    const call = trace.text(nodes.call[node]);
    const step = nodes.order[node];
    const sends = [...graph!.rows(graph!.sends, node)];
    const arrives = [...graph!.rows(graph!.receives, node)].filter((edge) => edges.sent[edge] >= 0);
    const root = pass!.roots.find((one) => one.node === node);
    const formula = trace.formulas.get(type);
    const kept = [...graph!.rows(graph!.savedOf, node)];
    const outs = [...graph!.rows(graph!.outputsOf, node)];
    return [
      el("h2", {}, graph!.op(node), name ? " " : "", name ? el("em", {}, name) : null),
      el("p", { class: "quiet" }, [type, module ? `in ${module}${moduleType ? ` (${moduleType})` : ""}` : "", call ? `by ${call}` : ""].filter(Boolean).join(" · ")),
      el("p", { class: "quiet" }, step < 0 ? (pass!.call === "none" ? "This graph was never run backward." : "The engine did not run it in this pass.") : `Ran as step ${step + 1} of ${graph!.nSteps}.`),
      ...(marked.get(node) ?? []).map((finding) => this.finding(finding)),
      pass!.error?.node === node ? el("div", { class: "finding error" }, el("b", {}, pass!.error.type), el("p", {}, pass!.error.message)) : null,
      section("Source", source(trace.place(nodes.place[node]))),
      nodes.flags[node] & 1 ? section("Its own backward", source(trace.place(nodes.backwardPlace[node]))) : null,
      formula ? section("Derivative", el("p", {}, formula.forward), el("p", { class: "words" }, formula.backward),
        ...formula.gradients.map(({ input, maths }) => this.row(input, el("span", { class: "number" }, maths)))) : null,
      section("What arrived", root ? this.row(el("i", {}, "backward starts here"), this.tensor(trace.measured(root.gradient))) : null,
        ...arrives.slice(0, ROWS_SHOWN).map((edge) => this.row(this.linkTo(edges.source[edge]), this.tensor(trace.measured(edges.sent[edge])), this.slotText(edge))),
        more(arrives.length),
        !arrives.length && !root ? el("p", { class: "quiet" }, "No gradient arrived.") : null,
        ...outs.map((row) => this.arrivedSum(row, arrives.length + (root ? 1 : 0), outs.length))),
      sends.length ? section("What it sent", ...sends.slice(0, ROWS_SHOWN).map((edge) =>
        this.row(this.linkTo(edges.target[edge]), this.tensor(trace.measured(edges.sent[edge])), `slot ${edges.slot[edge]}${edges.input[edge] >= 0 ? `, ${trace.text(edges.input[edge])}` : ""}`)), more(sends.length)) : null,
      outs.some((row) => outputs.value[row] >= 0 || outputs.name[row] >= 0)
        ? section("Forward value", ...outs.map((row) => this.row(trace.text(outputs.name[row]) ?? (outs.length > 1 ? `output ${outputs.index[row]}` : name ?? "result"), this.tensor(trace.measured(outputs.value[row])))))
        : null,
      kept.length ? section(`Saved for backward (${bytes(kept.reduce((sum, row) => sum + (saved.flags[row] & 1 ? 0 : saved.bytes[row]), 0))})`,
        ...kept.slice(0, ROWS_SHOWN).map((row) => this.savedRow(row))) : null,
      facts("Arguments", [...graph!.rows(graph!.argsOf, node)].map((row) => [trace.text(args.name[row]) ?? "", trace.text(args.value[row]) ?? ""])),
      el("p", { class: "quiet" }, `Node ${node} of the pass.`),
    ];
  }

  private slotText(edge: number): string {
    const { edges } = this.app.graph!;
    const input = this.app.trace.text(edges.input[edge]);
    return `from slot ${edges.slot[edge]}${input ? `, ${input}` : ""}`;
  }

  private arrivedSum(row: number, n: number, nOutputs: number): Content {
    const { trace, graph } = this.app;
    const { outputs } = graph!;
    const received = trace.measured(outputs.received[row]);
    if (!received) return null;
    const parts: Content[] = [];
    const which = nOutputs > 1 ? ` at output ${outputs.index[row]}` : "";
    if (outputs.arrived[row] >= 0) {
      const hook = trace.place(outputs.hook[row]);
      parts.push(el("p", { class: "quiet" }, `Before hooks: ${brief(trace.measured(outputs.arrived[row]))}${hook ? `; a hook registered at ${placeText(hook)} rewrote it` : ""}`));
    }
    if (n > 1 || nOutputs > 1 || outputs.arrived[row] >= 0) parts.push(el("p", { class: "sum" }, `sum${which} = ${brief(received)}`));
    if (outputs.flags[row] & 1) parts.push(el("p", { class: "quiet" }, "retain_grad() keeps this as .grad."));
    return el("div", {}, parts as Node[]);
  }

  private savedRow(row: number): HTMLElement {
    const { trace, graph } = this.app;
    const { saved } = graph!;
    const leaf = saved.leaf[row];
    const value = trace.text(saved.value[row]);
    const flags = saved.flags[row];
    const notes = [flags & 2 ? "packed by a hook" : "", flags & 1 ? "shared, counted elsewhere" : bytes(saved.bytes[row])].filter(Boolean).join(" · ");
    const name = trace.text(saved.name[row]) ?? "";
    return this.row(
      el("span", {}, name, leaf >= 0 ? " = " : "", leaf >= 0 ? this.link(trace.leaves[leaf].name, { kind: "leaf", ref: leaf }) : null),
      el("span", { class: "number" }, value === null ? trace.text(saved.spec[row]) ?? "" : elements(value), el("small", {}, value === null ? notes : `${trace.text(saved.spec[row]) ?? ""} · ${notes}`)),
    );
  }

  private row(what: Content, number: Content, note = ""): HTMLElement {
    return el("li", {}, el("span", {}, what, note ? el("small", {}, note) : null), number);
  }

  private leaf(id: number): Content[] {
    const { trace, timeline, pass, graph } = this.app;
    const leaf = trace.leaves[id];
    const row = pass?.byLeaf.get(id);
    const uses = (graph?.nodesOfLeaf.get(id) ?? []).flatMap((node) => [...graph!.rows(graph!.receives, node)]);
    const sent = uses.filter((edge) => graph!.edges.sent[edge] >= 0);
    const owners = leaf.optimizers.map((owner) => trace.optimizers[owner]).filter(Boolean).map((owner) => (owner.name ? `${owner.name} (${owner.type})` : owner.type));
    const events = trace.events.filter((event) => event.leaves.includes(id) && event.kind !== "backward");
    return [
      el("h2", {}, leaf.name),
      el("p", { class: "quiet" }, `${leaf.kind} · ${leaf.spec}${leaf.requiresGrad ? "" : " · requires_grad is false"}`),
      ...trace.findings.filter((finding) => finding.leaves.includes(id)).map((finding) => this.finding(finding)),
      pass ? section(`.grad in pass ${pass.index}`, row ? this.steps(row.before, row.added, row.after, row.effect) : el("p", { class: "quiet" }, "This pass does not know the leaf.")) : null,
      row && sent.length > 1 ? el("p", { class: "sum" }, this.sumText(sent, row.added)) : null,
      section(".grad over the passes", ledgerChart(trace, timeline, id, pass)),
      uses.length ? section(uses.length > 1 ? `Used ${uses.length} times` : "Used by", ...uses.slice(0, ROWS_SHOWN).map((edge) =>
        this.row(this.linkTo(graph!.edges.source[edge]), this.tensor(trace.measured(graph!.edges.sent[edge])), this.useText(edge))), more(uses.length)) : null,
      facts("Facts", [
        ["value", leaf.value === null ? "" : elements(leaf.value)], ["owned by", owners.join(", ") || (trace.optimizers.length ? "no optimizer" : "")],
        ["process", trace.run.processes > 1 ? String(leaf.process) : ""],
      ]),
      section("Made at", source(trace.place(leaf.place))),
      events.length ? section("What happened to it", ...events.slice(0, ROWS_SHOWN).map((event) => this.row(eventText(event), this.placeOf(event.place), event.pass ? `after pass ${event.pass}` : "before the first pass")), more(events.length)) : null,
    ];
  }

  private useText(edge: number): string {
    const { trace, graph } = this.app;
    const place = trace.place(graph!.nodes.place[graph!.edges.source[edge]]);
    const input = trace.text(graph!.edges.input[edge]);
    return [input ? `as ${input}` : `slot ${graph!.edges.slot[edge]}`, place ? placeText(place) : ""].filter(Boolean).join(", ");
  }

  private placeOf(place: number): HTMLElement {
    const at = this.app.trace.place(place);
    return el("span", { class: "quiet" }, at ? placeText(at) : "");
  }

  private sumText(sent: number[], added: number): string {
    const { trace, graph } = this.app;
    const parts = sent.slice(0, 6).map((edge) => brief(trace.measured(graph!.edges.sent[edge]), "g", 16));
    const isExact = sent.every((edge) => trace.measured(graph!.edges.sent[edge])?.value !== null);
    if (!isExact) return `the sum of ${count(sent.length, "contribution")}`;
    return `${parts.join(" + ")}${sent.length > 6 ? " + …" : ""} = ${brief(trace.measured(added))}`;
  }

  private steps(before: number, added: number, after: number, effect: string): HTMLElement {
    const { trace } = this.app;
    const cell = (title: string, stats: number) => {
      const measured = trace.measured(stats);
      return el("div", { class: trace.isBad(stats) ? "bad" : "" }, el("small", {}, title), brief(measured));
    };
    return el("div", {}, el("div", { class: "steps" }, cell("before", before), cell("this pass adds", added), cell("after", after)), el("p", { class: "quiet" }, effect));
  }

  private box(box: number): Content[] {
    const { trace, graph } = this.app;
    const { boxes, nodes, edges, saved } = graph!;
    const [start, end] = [boxes.start[box], boxes.end[box]];
    const ops = new Map<string, number>();
    const leaves = new Set<number>();
    const inside = (node: number) => nodes.position[node] >= start && nodes.position[node] < end;
    let [memory, largest] = [0, -1];
    const [into, out]: [number[], number[]] = [[], []];
    for (let position = start; position < end; position++) {
      const node = graph!.inOrder[position];
      ops.set(graph!.op(node), (ops.get(graph!.op(node)) ?? 0) + 1);
      for (const row of graph!.rows(graph!.savedOf, node)) if (!(saved.flags[row] & 1)) memory += saved.bytes[row];
      const received = graph!.received(node);
      if (received >= 0 && (largest < 0 || trace.norms[received] > trace.norms[largest])) largest = received;
      for (const edge of graph!.rows(graph!.sends, node)) {
        const producer = edges.target[edge];
        if (graph!.isLeaf(producer)) leaves.add(nodes.leaf[producer]);
        else if (!inside(producer)) out.push(edge);
      }
      for (const edge of graph!.rows(graph!.receives, node)) if (!inside(edges.source[edge])) into.push(edge);
    }
    const path = trace.text(boxes.path[box]) ?? "";
    const list = [...ops].sort((a, b) => b[1] - a[1]);
    const border = (edge: number, node: number) => this.row(this.linkTo(node), this.tensor(trace.measured(edges.sent[edge])));
    return [
      el("h2", {}, graph!.boxTitle(box)),
      el("p", { class: "quiet" }, [trace.text(boxes.type[box]) ?? "", path.includes("#") ? "" : path].filter(Boolean).join(" · ")),
      el("p", {}, el("button", { type: "button", click: () => this.app.toggle(box) }, "Open or close")),
      facts("Inside", [
        ["operations", (end - start).toLocaleString("en-US")], ["saved for backward", bytes(memory)],
        ["largest gradient", largest >= 0 ? brief(trace.measured(largest)) : ""], ["kinds", list.slice(0, 8).map(([op, n]) => (n > 1 ? `${op} ×${n}` : op)).join(", ") + (list.length > 8 ? ", …" : "")],
      ]),
      into.length ? section("Gradients that come in", ...into.slice(0, 12).map((edge) => border(edge, edges.source[edge])), more(into.length, 12)) : null,
      out.length ? section("Gradients that go out", ...out.slice(0, 12).map((edge) => border(edge, edges.target[edge])), more(out.length, 12)) : null,
      leaves.size ? section(count(leaves.size, "leaf", "leaves"), ...[...leaves].slice(0, LEAVES_SHOWN).map((leaf) => this.leafRow(leaf)), more(leaves.size, LEAVES_SHOWN)) : null,
    ];
  }

  private leafRow(id: number): HTMLElement {
    const { trace, pass } = this.app;
    const leaf = trace.leaves[id];
    const row = pass?.byLeaf.get(id);
    const text = row ? `.grad ${brief(trace.measured(row.before), "g", 16)} → ${brief(trace.measured(row.after), "g", 16)}` : "not in this pass";
    return el("button", { type: "button", class: "leafrow", click: () => this.app.select({ kind: "leaf", ref: id }) },
      el("b", {}, leaf.name.slice(0, 120)), sparkline(trace, id), el("small", {}, `${leaf.spec} · ${text}`));
  }

  private leaves(): Content[] {
    const { trace } = this.app;
    if (!trace.leaves.length) return [el("p", { class: "quiet" }, "The run has no leaves.")];
    const list = el("div", {});
    const fill = () => {
      const wanted = this.filter.toLowerCase();
      const found = trace.leaves.filter((leaf) => leaf.name.toLowerCase().includes(wanted));
      list.replaceChildren(
        el("p", { class: "quiet" }, `${count(found.length, "leaf", "leaves")}; the line is .grad over the passes`),
        ...found.slice(0, this.leavesShown).map((leaf) => this.leafRow(leaf.id)),
        found.length > this.leavesShown
          ? el("button", { type: "button", click: () => { this.leavesShown *= 4; fill(); } }, `Show more of ${found.length.toLocaleString("en-US")}`)
          : "",
      );
    };
    const input = el("input", { class: "filter", type: "search", placeholder: "Filter by name", "aria-label": "Filter leaves by name" });
    input.value = this.filter;
    input.addEventListener("input", () => { this.filter = input.value; fill(); });
    fill();
    return [input, list];
  }

  private findings(): Content[] {
    const { findings } = this.app.trace;
    if (!findings.length) return [el("p", { class: "quiet" }, "No findings in this recording.")];
    return findings.map((finding) => this.finding(finding, true));
  }

  private finding(finding: Finding, canJump = false): HTMLElement {
    const { trace } = this.app;
    return el("div", { class: `finding ${["error", "warning"].includes(finding.severity) ? finding.severity : "info"}` },
      el("p", { class: "rule" }, `${finding.severity} · ${finding.rule}`), el("p", {}, finding.message),
      canJump ? source(trace.place(finding.place)) : null,
      ...(canJump ? finding.related.map((item) => el("div", {}, el("p", { class: "quiet" }, item.message), source(trace.place(item.place)))) : []),
      finding.help ? el("p", { class: "quiet" }, `Help: ${finding.help}`) : null,
      canJump ? el("p", {}, el("button", { type: "button", class: "link", click: () => this.jump(finding) }, "Show it")) : null);
  }

  private jump(finding: Finding): void {
    const { app } = this;
    if (finding.passes.length && !finding.passes.includes(app.pass?.index ?? -1)) {
      const pass = app.trace.passes.find((one) => finding.passes.includes(one.index));
      if (pass) app.showPass(pass.position);
    }
    const node = app.nodesOf(finding)[0];
    if (node !== undefined && app.graph) app.select(app.graph.isLeaf(node) ? { kind: "leaf", ref: app.graph.nodes.leaf[node] } : { kind: "node", ref: node });
    else if (finding.leaves.length) app.select({ kind: "leaf", ref: finding.leaves[0] });
  }

  private run(): Content[] {
    const { trace, pass, graph } = this.app;
    const { run } = trace;
    return [
      el("h2", {}, run.expression ?? run.target),
      run.error ? el("div", { class: "finding error" }, el("p", { class: "rule" }, "the program ended with"), el("b", {}, run.error[0]), el("p", {}, run.error[1]), ...run.error[2].slice(-1).map((place) => source(trace.place(place)))) : null,
      pass?.error ? el("div", { class: "finding error" }, el("p", { class: "rule" }, `pass ${pass.index} failed`), el("b", {}, pass.error.type), el("p", {}, pass.error.message), pass.error.node >= 0 && graph ? el("p", {}, "At ", this.linkTo(pass.error.node)) : null) : null,
      ...run.notes.map((note) => el("p", { class: "words" }, note)),
      pass ? section(`Pass ${pass.index}`, this.passFacts()) : null,
      facts("Run", [
        ["command", (run.argv[0] === run.target ? run.argv : [run.target, ...run.argv]).join(" ")], ["torch", run.torch], ["python", run.python], ["gradtrace", run.gradtrace], ["device", run.device], ["seed", run.seed === null ? "" : String(run.seed)],
        ["status", run.status === null ? "" : String(run.status)], ["complete", run.complete ? "" : "no: the recording ends early"], ["processes", run.processes > 1 ? String(run.processes) : ""],
        ["passes", trace.passes.reduce((sum, one) => sum + one.count, 0).toLocaleString("en-US")], ["leaves", trace.leaves.length.toLocaleString("en-US")],
        ...run.observations.map(([kind, n, text]): [string, string] => [kind.replaceAll("_", " "), `${n.toLocaleString("en-US")} ${text}`]),
      ]),
      trace.optimizers.length ? section("Optimizers", ...trace.optimizers.map((one) => this.row(one.name ? `${one.name} (${one.type})` : one.type, el("span", { class: "number" }, count(one.count, "tensor")), ""))) : null,
    ];
  }

  private passFacts(): HTMLElement {
    const { trace, pass, graph } = this.app;
    const roots = pass!.roots.map((root) => el("p", {}, "root ", root.node >= 0 && graph ? this.linkTo(root.node) : root.name ?? "", ` = ${brief(trace.measured(root.value), "x")}`, root.gradient >= 0 ? `, starts with ${brief(trace.measured(root.gradient))}` : ""));
    const what = pass!.call === "none" ? "A graph that was never run backward." : `${pass!.call}()${pass!.retain ? ", retain_graph" : ""}${pass!.create ? ", create_graph" : ""}`;
    const size = graph ? `${count(graph.nNodes, "node")}, ${count(graph.nEdges, "edge")}` : `recorded in the ledger only${pass!.count > 1 ? `; stands for ${pass!.count.toLocaleString("en-US")} passes alike` : ""}`;
    return el("div", {}, el("p", {}, what), roots, el("p", { class: "quiet" }, size), source(trace.place(pass!.place)));
  }
}

function section(title: string, ...content: Content[]): HTMLElement | null {
  const shown = content.filter((part): part is Node | string => Boolean(part));
  if (!shown.length) return null;
  const parent = el("section", {}, el("h3", {}, title));
  let rows: HTMLElement | null = null;
  for (const part of shown) {
    if (!(part instanceof HTMLLIElement)) {
      parent.append(part);
      rows = null;
      continue;
    }
    if (!rows) parent.append((rows = el("ul", { class: "rows" })));
    rows.append(part);
  }
  return parent;
}

function facts(title: string, pairs: [string, string][]): HTMLElement | null {
  const known = pairs.filter(([, value]) => value);
  return known.length ? section(title, el("dl", { class: "facts" }, known.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]))) : null;
}

function more(n: number, shown = ROWS_SHOWN): HTMLElement | null {
  return n > shown ? el("p", { class: "quiet" }, `… and ${(n - shown).toLocaleString("en-US")} more`) : null;
}
