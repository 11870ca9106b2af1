// What the colours and lines mean.

import type { App } from "./app";
import { byId, el, svg } from "./dom";
import { number } from "./numbers";

export function showLegend(app: App): void {
  const { theme, scale } = app;
  const legend = byId("legend");
  if (!app.scene) {
    legend.replaceChildren();
    return;
  }
  const parts: Node[] = [];
  if (scale) {
    const shapes = Array.from({ length: 24 }, (_, i) => {
      const norm = scale.low * (scale.high / scale.low) ** (i / 23);
      const width = scale.width(norm);
      return svg("rect", { x: i * 3, y: 5 - width / 2, width: 3.2, height: width, fill: scale.colour(norm, theme) });
    });
    parts.push(
      el(
        "span",
        {},
        "gradient ",
        number(scale.low, 2),
        svg("svg", { width: 72, height: 10 }, shapes),
        number(scale.high, 2),
      ),
    );
  }
  const stroke = (colour: string, dash: string, width: number) =>
    svg(
      "svg",
      { width: 24, height: 10 },
      svg("line", { x1: 0, x2: 24, y1: 5, y2: 5, stroke: colour, "stroke-width": width, "stroke-dasharray": dash }),
    );
  parts.push(
    el("span", {}, stroke(theme.no_gradient, "4 4", 1.3), "none"),
    el("span", {}, stroke(theme.non_finite, "9 4", 4), "NaN or Inf"),
  );
  parts.push(el("span", {}, "forward ↓ gradients ↑"));
  legend.replaceChildren(...parts);
}

const KEYS: [string[], string][] = [
  [["↑", "↓"], "along the edges: to what a node was made from, to what uses it"],
  [["←", "→"], "to the neighbour"],
  [["Enter"], "open or close the chosen box; at a node, go to its details"],
  [["Backspace"], "close the box around"],
  [["+", "−", "0"], "zoom in, zoom out, fit"],
  [["o", "c"], "open all boxes, close all"],
  [["Space"], "play or pause the backward pass"],
  [[",", "."], "one step back, one step on"],
  [["Home", "End"], "start and end of the pass"],
  [["[", "]"], "previous and next pass"],
  [["/"], "search"],
  [["t"], "tables or graph"],
  [["Esc"], "choose nothing"],
  [["?"], "this help"],
];

export function fillHelp(app: App): void {
  const help = byId<HTMLDialogElement>("help");
  const styles = Object.values(app.theme.boxes);
  help.replaceChildren(
    el(
      "h2",
      {},
      "How to read and move ",
      el("button", { type: "button", class: "close", click: () => help.close() }, "Close"),
    ),
    el(
      "p",
      {},
      "The forward pass runs down the page, the gradients run up. Every box is an operation of the backward graph; a green one is a leaf, filled as high as its .grad stands. A stacked box is a module that is closed: click its + to open it. What is small and grey takes part and gets no gradient: an input, a target, a number. The numbers on the lines are what was really sent: |54| is a 2-norm, a number without bars the element itself.",
    ),
    el("h3", {}, "Boxes"),
    el(
      "dl",
      {},
      styles.flatMap((style) => {
        const swatch = el("span", { class: "swatch" });
        swatch.style.background = style.fill;
        swatch.style.borderColor = style.border;
        swatch.style.borderStyle = style.dashed ? "dashed" : style.double ? "double" : "solid";
        return [el("dt", {}, swatch), el("dd", {}, style.meaning)];
      }),
    ),
    el("h3", {}, "Keys"),
    el(
      "dl",
      {},
      KEYS.flatMap(([keys, text]) => [
        el(
          "dt",
          {},
          keys.flatMap((key) => [el("kbd", {}, key), " "]),
        ),
        el("dd", {}, text),
      ]),
    ),
  );
}
