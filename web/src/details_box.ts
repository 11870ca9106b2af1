// The panel for a module, an iteration or a run of steps.

import type { Details } from "./details";
import { el } from "./dom";
import { brief, bytes, count } from "./numbers";
import { type Content, facts, more, row, section, tensor } from "./parts";

const LEAVES_SHOWN = 200;

export function boxDetails(d: Details, box: number): Content[] {
  const { trace, graph } = d.app;
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
  const border = (edge: number, node: number) => row(d.linkTo(node), tensor(trace.measured(edges.sent[edge])));
  return [
    el("h2", {}, graph!.boxTitle(box)),
    el(
      "p",
      { class: "quiet" },
      [trace.text(boxes.type[box]) ?? "", path.includes("#") ? "" : path].filter(Boolean).join(" · "),
    ),
    el("p", {}, el("button", { type: "button", click: () => d.app.toggle(box) }, "Open or close")),
    facts("Inside", [
      ["operations", (end - start).toLocaleString("en-US")],
      ["saved for backward", bytes(memory)],
      ["largest gradient", largest >= 0 ? brief(trace.measured(largest)) : ""],
      [
        "kinds",
        list
          .slice(0, 8)
          .map(([op, n]) => (n > 1 ? `${op} ×${n}` : op))
          .join(", ") + (list.length > 8 ? ", …" : ""),
      ],
    ]),
    into.length
      ? section(
          "Gradients that come in",
          ...into.slice(0, 12).map((edge) => border(edge, edges.source[edge])),
          more(into.length, 12),
        )
      : null,
    out.length
      ? section(
          "Gradients that go out",
          ...out.slice(0, 12).map((edge) => border(edge, edges.target[edge])),
          more(out.length, 12),
        )
      : null,
    leaves.size
      ? section(
          count(leaves.size, "leaf", "leaves"),
          ...[...leaves].slice(0, LEAVES_SHOWN).map((leaf) => d.leafRow(leaf)),
          more(leaves.size, LEAVES_SHOWN),
        )
      : null,
  ];
}
