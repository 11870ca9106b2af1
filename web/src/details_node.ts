// The panel for a node.

import type { Details } from "./details";
import { el } from "./dom";
import { brief, bytes, elements } from "./numbers";
import { type Content, facts, more, ROWS_SHOWN, row, section, tensor } from "./parts";
import { placeText, source } from "./source";

export function nodeDetails(d: Details, node: number): Content[] {
  const { trace, graph, pass, marked } = d.app;
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
    el(
      "p",
      { class: "quiet" },
      [type, module ? `in ${module}${moduleType ? ` (${moduleType})` : ""}` : "", call ? `by ${call}` : ""]
        .filter(Boolean)
        .join(" · "),
    ),
    el(
      "p",
      { class: "quiet" },
      step < 0
        ? pass!.call === "none"
          ? "This graph was never run backward."
          : "The engine did not run it in this pass."
        : `Ran as step ${step + 1} of ${graph!.nSteps}.`,
    ),
    ...(marked.get(node) ?? []).map((finding) => d.finding(finding)),
    pass!.error?.node === node
      ? el("div", { class: "finding error" }, el("b", {}, pass!.error.type), el("p", {}, pass!.error.message))
      : null,
    section("Source", source(trace.place(nodes.place[node]))),
    nodes.flags[node] & 1 ? section("Its own backward", source(trace.place(nodes.backwardPlace[node]))) : null,
    ...inside(d, node),
    formula
      ? section(
          "Derivative",
          el("p", {}, formula.forward),
          el("p", { class: "words" }, formula.backward),
          ...formula.gradients.map(({ input, maths }) => row(input, el("span", { class: "number" }, maths))),
        )
      : null,
    section(
      "What arrived",
      root ? row(el("i", {}, "backward starts here"), tensor(trace.measured(root.gradient))) : null,
      ...arrives
        .slice(0, ROWS_SHOWN)
        .map((edge) => row(d.linkTo(edges.source[edge]), tensor(trace.measured(edges.sent[edge])), slotText(d, edge))),
      more(arrives.length),
      !arrives.length && !root ? el("p", { class: "quiet" }, "No gradient arrived.") : null,
      ...outs.map((row) => arrivedSum(d, row, arrives.length + (root ? 1 : 0), outs.length)),
    ),
    sends.length
      ? section(
          "What it sent",
          ...sends
            .slice(0, ROWS_SHOWN)
            .map((edge) =>
              row(
                d.linkTo(edges.target[edge]),
                tensor(trace.measured(edges.sent[edge])),
                `slot ${edges.slot[edge]}${edges.input[edge] >= 0 ? `, ${trace.text(edges.input[edge])}` : ""}`,
              ),
            ),
          more(sends.length),
        )
      : null,
    outs.some((row) => outputs.value[row] >= 0 || outputs.name[row] >= 0)
      ? section(
          "Forward value",
          ...outs.map((out) =>
            row(
              trace.text(outputs.name[out]) ?? (outs.length > 1 ? `output ${outputs.index[out]}` : (name ?? "result")),
              tensor(trace.measured(outputs.value[out])),
            ),
          ),
        )
      : null,
    kept.length
      ? section(
          `Saved for backward (${bytes(kept.reduce((sum, row) => sum + (saved.flags[row] & 1 ? 0 : saved.bytes[row]), 0))})`,
          ...kept.slice(0, ROWS_SHOWN).map((row) => savedRow(d, row)),
        )
      : null,
    facts(
      "Arguments",
      [...graph!.rows(graph!.argsOf, node)].map((row) => [
        trace.text(args.name[row]) ?? "",
        trace.text(args.value[row]) ?? "",
      ]),
    ),
    el("p", { class: "quiet" }, `Node ${node} of the pass.`),
  ];
}

/** The backward graph of a compiled region: op, what it gave when it was run again, line. */
function inside(d: Details, node: number): Content[] {
  const region = d.app.pass!.regions.get(node);
  if (!region) return [];
  const { trace } = d.app;
  return [
    section(
      "What torch.compile made of it",
      el("p", {}, `${region.values[0].toUpperCase()}${region.values.slice(1)}.`),
      region.reason ? el("p", { class: "quiet" }, `Not recomputed: ${region.reason}.`) : null,
      region.isSeen
        ? null
        : el(
            "p",
            { class: "quiet" },
            "It came from a cache of compiled code, so that its backward graph was not seen.",
          ),
      ...region.ops
        .slice(0, REGION_ROWS)
        .map((op) =>
          row(
            op.name,
            op.result < 0 ? el("span", { class: "quiet" }, op.spec) : tensor(trace.measured(op.result)),
            placed(d, op.place),
          ),
        ),
      more(region.ops.length, REGION_ROWS),
    ),
    section("Graph breaks before it", ...region.breaks.map((one) => row(one.reason, d.placeOf(one.place)))),
  ];
}

const REGION_ROWS = 400;

function placed(d: Details, place: number): string {
  const at = d.app.trace.place(place);
  return at ? placeText(at) : "";
}

function slotText(d: Details, edge: number): string {
  const { edges } = d.app.graph!;
  const input = d.app.trace.text(edges.input[edge]);
  return `from slot ${edges.slot[edge]}${input ? `, ${input}` : ""}`;
}

function arrivedSum(d: Details, row: number, n: number, nOutputs: number): Content {
  const { trace, graph } = d.app;
  const { outputs } = graph!;
  const received = trace.measured(outputs.received[row]);
  if (!received) return null;
  const parts: Content[] = [];
  const which = nOutputs > 1 ? ` at output ${outputs.index[row]}` : "";
  if (outputs.arrived[row] >= 0) {
    const hook = trace.place(outputs.hook[row]);
    parts.push(
      el(
        "p",
        { class: "quiet" },
        `Before hooks: ${brief(trace.measured(outputs.arrived[row]))}${hook ? `; a hook registered at ${placeText(hook)} rewrote it` : ""}`,
      ),
    );
  }
  if (n > 1 || nOutputs > 1 || outputs.arrived[row] >= 0)
    parts.push(el("p", { class: "sum" }, `sum${which} = ${brief(received)}`));
  if (outputs.flags[row] & 1) parts.push(el("p", { class: "quiet" }, "retain_grad() keeps this as .grad."));
  return el("div", {}, parts as Node[]);
}

function savedRow(d: Details, one: number): HTMLElement {
  const { trace, graph } = d.app;
  const { saved } = graph!;
  const leaf = saved.leaf[one];
  const value = trace.text(saved.value[one]);
  const flags = saved.flags[one];
  const notes = [flags & 2 ? "packed by a hook" : "", flags & 1 ? "shared, counted elsewhere" : bytes(saved.bytes[one])]
    .filter(Boolean)
    .join(" · ");
  const name = trace.text(saved.name[one]) ?? "";
  return row(
    el(
      "span",
      {},
      name,
      leaf >= 0 ? " = " : "",
      leaf >= 0 ? d.link(trace.leaves[leaf].name, { kind: "leaf", ref: leaf }) : null,
    ),
    el(
      "span",
      { class: "number" },
      value === null ? (trace.text(saved.spec[one]) ?? "") : elements(value),
      el("small", {}, value === null ? notes : `${trace.text(saved.spec[one]) ?? ""} · ${notes}`),
    ),
  );
}
