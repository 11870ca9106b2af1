// What the colours and lines mean.

import { byId, el, svg } from "./dom";
import { number } from "./numbers";
import type { App } from "./app";

export function showLegend(app: App): void {
  const { theme, scale } = app;
  const legend = byId("legend");
  if (!app.scene) return legend.replaceChildren();
  const parts: (Node | null)[] = [];
  if (scale) {
    const shapes = Array.from({ length: 40 }, (_, i) => {
      const norm = scale.low * (scale.high / scale.low) ** (i / 39);
      const width = scale.width(norm);
      return svg("rect", { x: i * 4, y: 8 - width / 2, width: 4.2, height: width, fill: scale.colour(norm, theme) });
    });
    const ticks = scale.ticks().map((tick, i) => svg("text", { x: [0, 80, 160][i], y: 26, "text-anchor": ["start", "middle", "end"][i] }, number(tick, 2)));
    parts.push(el("div", {}, "size of the gradient on an edge", svg("svg", { width: 160, height: 30 }, shapes, ticks)));
  }
  const lines: [string, string, string][] = [[theme.no_gradient, "4 4", "no gradient"], [theme.non_finite, "9 4", "NaN or Inf"]];
  parts.push(el("div", {}, svg("svg", { width: 110, height: 34 }, lines.flatMap(([colour, dash, text], i) => [
    svg("line", { x1: 0, x2: 26, y1: 9 + i * 16, y2: 9 + i * 16, stroke: colour, "stroke-width": i ? 4 : 1.3, "stroke-dasharray": dash }),
    svg("text", { x: 33, y: 13 + i * 16 }, text),
  ]))));
  parts.push(el("div", {}, "forward runs down ↓", el("br"), "gradients run up ↑"));
  legend.replaceChildren(...parts.filter((part) => part !== null));
}

const KEYS: [string[], string][] = [
  [["↑", "↓"], "along the edges: to what a node was made from, to what uses it"], [["←", "→"], "to the neighbour"],
  [["Enter"], "open or close the chosen box; at a node, go to its details"], [["Backspace"], "close the box around"],
  [["+", "−", "0"], "zoom in, zoom out, fit"], [["o", "c"], "open all boxes, close all"],
  [["Space"], "play or pause the backward pass"], [[",", "."], "one step back, one step on"], [["Home", "End"], "start and end of the pass"],
  [["[", "]"], "previous and next pass"], [["/"], "search"], [["t"], "tables or graph"], [["Esc"], "choose nothing"], [["?"], "this help"],
];

export function fillHelp(app: App): void {
  const help = byId<HTMLDialogElement>("help");
  const styles = Object.values(app.theme.boxes);
  help.replaceChildren(
    el("h2", {}, "How to read and move"),
    el("p", {}, "The forward pass runs down the page, the gradients run up. Every box is an operation of the backward graph; a green one is a leaf, filled as high as its .grad stands. A stacked box is a module that is closed: click its + to open it. The numbers on the lines are what was really sent."),
    el("h3", {}, "Boxes"),
    el("dl", {}, styles.flatMap((style) => {
      const swatch = el("span", { class: "swatch" });
      swatch.style.background = style.fill;
      swatch.style.borderColor = style.border;
      swatch.style.borderStyle = style.dashed ? "dashed" : style.double ? "double" : "solid";
      return [el("dt", {}, swatch), el("dd", {}, style.meaning)];
    })),
    el("h3", {}, "Keys"),
    el("dl", {}, KEYS.flatMap(([keys, text]) => [el("dt", {}, keys.flatMap((key) => [el("kbd", {}, key), " "])), el("dd", {}, text)])),
    el("p", { class: "words" }, el("button", { type: "button", click: () => help.close() }, "Close")),
  );
}
