// What is said of the thing under the pointer, and aloud of the one that was chosen.

import type { App } from "./app";
import { brief, count, elements } from "./numbers";
import type { Item } from "./scene";
import { CUT_OFF } from "./sizes";
import type { Wire } from "./wire";

export function itemLines(app: App, item: Item): string[] {
  const { trace, graph } = app;
  if (item.kind === "box") {
    const path = trace.text(graph!.boxes.path[item.ref]) ?? "";
    return [item.title, item.name, item.detail, item.range ?? "", path.includes("#") ? "" : path].filter(Boolean);
  }
  if (item.kind === "cut")
    return [item.title, item.name, app.pass!.cuts[item.ref].told, CUT_OFF]
      .filter(Boolean)
      .map((line) => line.slice(0, 200));
  if (item.kind === "constant") {
    const { name, spec, value } = app.pass!.constants[item.ref];
    return [name, spec, value === null ? "" : elements(value).slice(0, 200), "takes part, and gets no gradient"].filter(
      Boolean,
    );
  }
  if (item.kind === "root" || item.kind === "in" || item.kind === "out") return [];
  const place = trace.place(graph!.nodes.place[item.ref]);
  const received = trace.measured(graph!.received(item.ref));
  return [
    graph!.title(item.ref),
    graph!.spec(item.ref),
    place ? `${place.file.split(/[\\/]/).pop()}:${place.line}` : "",
    received ? `gradient ${brief(received)}` : "no gradient",
  ]
    .filter(Boolean)
    .map((line) => line.slice(0, 200));
}

export function wireLines(app: App, wire: Wire): string[] {
  const { trace, graph } = app;
  const { edges } = wire.line;
  if (wire.from.kind === "cut") return [CUT_OFF];
  if (wire.from.kind === "constant") return [];
  if (edges.length !== 1)
    return edges.length
      ? [count(edges.length, "edge"), `${count(wire.nSent, "gradient")} sent`]
      : ["backward starts here"];
  const edge = edges[0];
  const input = trace.text(graph!.edges.input[edge]);
  const sent = trace.measured(graph!.edges.sent[edge]);
  return [
    `${graph!.title(graph!.edges.source[edge])} → ${graph!.title(graph!.edges.target[edge])}`.slice(0, 200),
    input ? `for its input ${input}` : `slot ${graph!.edges.slot[edge]}`,
    sent ? `sends ${brief(sent)}` : "sends nothing",
  ];
}

export function spoken(app: App, item: Item): string {
  const words = item.kind === "box" ? `${item.isOpen ? "open" : "closed"} module, ${item.detail}` : item.kind;
  return [item.title, item.name, words, ...itemLines(app, item).slice(-1)].filter(Boolean).join(", ");
}
