// The panel for a leaf.

import { accumulates, ledgerChart } from "./chart";
import type { Details } from "./details";
import { el } from "./dom";
import { brief, count, elements } from "./numbers";
import { type Content, facts, more, ROWS_SHOWN, row, section, tensor } from "./parts";
import { placeText, source } from "./source";
import { eventText } from "./timeline";
import type { Leaf } from "./trace";

export function leafDetails(d: Details, id: number): Content[] {
  const { trace, timeline, pass, graph } = d.app;
  const leaf = trace.leaves[id];
  const mine = pass?.byLeaf.get(id);
  const uses = (graph?.nodesOfLeaf.get(id) ?? []).flatMap((node) => [...graph!.rows(graph!.receives, node)]);
  const sent = uses.filter((edge) => graph!.edges.sent[edge] >= 0);
  const owners = leaf.optimizers
    .map((owner) => trace.optimizers[owner])
    .filter(Boolean)
    .map((owner) => (owner.name ? `${owner.name} (${owner.type})` : owner.type));
  const events = trace.events.filter((event) => event.leaves.includes(id) && event.kind !== "backward");
  const chart = ledgerChart(trace, timeline, id, pass);
  return [
    el("h2", {}, leaf.name),
    el("p", { class: "quiet" }, `${leaf.kind} · ${leaf.spec}${leaf.requiresGrad ? "" : " · requires_grad is false"}`),
    ...trace.findings.filter((finding) => finding.leaves.includes(id)).map((finding) => d.finding(finding)),
    pass
      ? section(
          `.grad in pass ${pass.index}`,
          mine && !mine.isMeasured
            ? el(
                "p",
                { class: "quiet" },
                `${mine.effect}; this pass stands in the ledger only, its numbers were not measured`,
              )
            : mine
              ? steps(d, mine.before, mine.added, mine.after, mine.effect)
              : el("p", { class: "quiet" }, "This pass does not know the leaf."),
        )
      : null,
    mine && sent.length > 1 ? el("p", { class: "sum" }, sumText(d, sent, mine.added)) : null,
    section("What each pass added", chart, chart && chartText(d, leaf), counted(d, id)),
    uses.length
      ? section(
          uses.length > 1 ? `Used ${uses.length} times` : "Used by",
          ...uses
            .slice(0, ROWS_SHOWN)
            .map((edge) =>
              row(
                d.linkTo(graph!.edges.source[edge]),
                tensor(trace.measured(graph!.edges.sent[edge])),
                useText(d, edge),
              ),
            ),
          more(uses.length),
        )
      : null,
    facts("Facts", [
      ["value at first", leaf.value === null ? "" : elements(leaf.value)],
      ["owned by", owners.join(", ") || (trace.optimizers.length ? "no optimizer" : "")],
      ["process", trace.run.processes > 1 ? String(leaf.process) : ""],
    ]),
    section("Made at", source(trace.place(leaf.place))),
    events.length
      ? section(
          "What happened to it",
          ...events
            .slice(0, ROWS_SHOWN)
            .map((event) =>
              row(
                eventText(event),
                d.placeOf(event.place),
                event.pass ? `after pass ${event.pass}` : "before the first pass",
              ),
            ),
          more(events.length),
        )
      : null,
  ];
}

/** How to read the chart. */
function chartText(d: Details, leaf: Leaf): HTMLElement {
  const { trace } = d.app;
  const what = accumulates(trace, leaf.id)
    ? "bars: what the pass added; line: .grad before and after"
    : "what the pass added, and what .grad was after it";
  return el("p", { class: "quiet" }, what + (/\[(1(,1)*)?\]/.test(leaf.spec) ? "" : " (norms)"));
}

/** The passes of which only the ledger is known. */
function counted(d: Details, id: number): HTMLElement | null {
  let n = 0;
  for (const pass of d.app.trace.passes) if (pass.byLeaf.get(id)?.isMeasured === false) n += pass.count;
  return n
    ? el("p", { class: "quiet" }, `${count(n, "more pass", "more passes")} added to it: counted, not measured`)
    : null;
}

function useText(d: Details, edge: number): string {
  const { trace, graph } = d.app;
  const place = trace.place(graph!.nodes.place[graph!.edges.source[edge]]);
  const input = trace.text(graph!.edges.input[edge]);
  return [input ? `as ${input}` : `slot ${graph!.edges.slot[edge]}`, place ? placeText(place) : ""]
    .filter(Boolean)
    .join(", ");
}

function sumText(d: Details, sent: number[], added: number): string {
  const { trace, graph } = d.app;
  const parts = sent.slice(0, 6).map((edge) => brief(trace.measured(graph!.edges.sent[edge]), "g", 16));
  const isExact = sent.every((edge) => trace.measured(graph!.edges.sent[edge])?.value !== null);
  if (!isExact || parts.some((part) => part.startsWith("|"))) return `the sum of ${count(sent.length, "contribution")}`;
  return `${parts.join(" + ")}${sent.length > 6 ? " + …" : ""} = ${brief(trace.measured(added))}`;
}

function steps(d: Details, before: number, added: number, after: number, effect: string): HTMLElement {
  const { trace } = d.app;
  const cell = (title: string, stats: number) => {
    const measured = trace.measured(stats);
    return el("div", { class: trace.isBad(stats) ? "bad" : "" }, el("small", {}, title), brief(measured, "g", 60));
  };
  return el(
    "div",
    {},
    el("div", { class: "steps" }, cell("before", before), cell("this pass adds", added), cell("after", after)),
    el("p", { class: "quiet" }, effect),
  );
}
