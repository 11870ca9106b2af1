// The panel for the run and the pass.

import type { Details } from "./details";
import { el } from "./dom";
import { brief, count } from "./numbers";
import { type Content, facts, row, section } from "./parts";
import { source } from "./source";
import { countPasses } from "./trace";

export function runDetails(d: Details): Content[] {
  const { trace, pass, graph } = d.app;
  const { run } = trace;
  return [
    el("h2", {}, run.expression ?? run.target),
    run.error && run.error[1] !== pass?.error?.message
      ? el(
          "div",
          { class: "finding error" },
          el("p", { class: "rule" }, "the program ended with"),
          el("b", {}, run.error[0]),
          el("p", {}, run.error[1]),
          ...run.error[2].slice(-1).map((place) => source(trace.place(place))),
        )
      : null,
    pass?.error
      ? el(
          "div",
          { class: "finding error" },
          el(
            "p",
            { class: "rule" },
            run.error?.[1] === pass.error.message
              ? `the program ended when pass ${pass.index} failed`
              : `pass ${pass.index} failed`,
          ),
          el("b", {}, pass.error.type),
          el("p", {}, pass.error.message),
          pass.error.node >= 0 && graph ? el("p", {}, "At ", d.linkTo(pass.error.node)) : null,
        )
      : null,
    trace.focus === null
      ? null
      : el("p", { class: "words" }, `Only what leads to ${trace.focus} is on this page (--focus).`),
    ...run.notes.map((note) => el("p", { class: "words" }, note)),
    pass ? section(`Pass ${pass.index}`, passFacts(d)) : null,
    facts("Run", [
      ["command", (run.argv[0] === run.target ? run.argv : [run.target, ...run.argv]).join(" ")],
      ["torch", run.torch],
      ["python", run.python],
      ["gradtrace", run.gradtrace],
      ["device", run.device],
      ["seed", run.seed === null ? "" : String(run.seed)],
      ["status", run.status === null ? "" : String(run.status)],
      ["complete", run.complete || run.error ? "" : "no: the program was ended, or its recording was cut off"],
      ["processes", run.processes > 1 ? String(run.processes) : ""],
      ["passes", countPasses(trace).toLocaleString("en-US")],
      ["leaves", trace.leaves.length.toLocaleString("en-US")],
      ...run.observations
        .filter(([, n]) => n)
        .map(([kind, n, text]): [string, string] => [
          kind.replaceAll("_", " "),
          `${n.toLocaleString("en-US")} ${text}`,
        ]),
    ]),
    trace.optimizers.length
      ? section(
          "Optimizers",
          ...trace.optimizers.map((one) =>
            row(
              one.name ? `${one.name} (${one.type})` : one.type,
              el("span", { class: "number" }, count(one.count, "tensor")),
              "",
            ),
          ),
        )
      : null,
  ];
}

function passFacts(d: Details): HTMLElement {
  const { trace, pass, graph } = d.app;
  const what =
    pass!.call === "none"
      ? "A graph that was never run backward."
      : `${pass!.call}()${pass!.retain ? ", retain_graph" : ""}${pass!.create ? ", create_graph" : ""}`;
  const where = [
    pass!.parent === null ? "" : `inside pass ${pass!.parent}`,
    pass!.thread ? `thread ${pass!.thread}` : "",
    trace.run.processes > 1 ? `process ${pass!.process}` : "",
  ]
    .filter(Boolean)
    .join(", ");
  const size = graph
    ? `${count(graph.nNodes, "node")}, ${count(graph.nEdges, "edge")}`
    : `recorded in the ledger only${pass!.count > 1 ? `; stands for ${pass!.count.toLocaleString("en-US")} passes alike` : ""}`;
  return el(
    "div",
    {},
    el("p", {}, what),
    rootLines(d),
    el("p", { class: "quiet" }, size, where ? `; ${where}` : ""),
    source(trace.place(pass!.place)),
  );
}

/** The values at which the pass starts. */
export function rootLines(d: Details): HTMLElement[] {
  const { trace, pass, graph } = d.app;
  return pass!.roots.map((root) =>
    el(
      "p",
      {},
      root.name ? "" : "root ",
      root.node >= 0 && graph ? d.linkTo(root.node, root.name) : (root.name ?? ""),
      ` = ${brief(trace.measured(root.value), "x")}`,
      root.gradient >= 0 ? `, where backward starts with ${brief(trace.measured(root.gradient))}` : "",
    ),
  );
}
