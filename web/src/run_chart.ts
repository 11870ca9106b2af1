// The loss and the norm of all gradients over the passes, as far as they were measured.

import { scalar } from "./chart";
import { svg } from "./dom";
import { number } from "./numbers";
import type { Pass, Trace } from "./trace";

/** What one pass says of the run; null where it was not measured. */
export interface Measured {
  pass: Pass;
  loss: number | null;
  /** 2-norm of what the pass added to all leaves together. */
  norm: number | null;
}

/** Of every pass that measured its loss, or what it added to each leaf. */
export function measuredPasses(trace: Trace): Measured[] {
  return trace.passes.flatMap((pass) => {
    if (pass.call === "none" || pass.count > 1) return [];
    const root = pass.roots.length === 1 ? trace.measured(pass.roots[0].value) : null;
    const loss = root && scalar(root);
    const norm = addedNorm(trace, pass);
    return loss === null && norm === null ? [] : [{ pass, loss, norm }];
  });
}

/** The 2-norm over all leaves of what the pass added; null if one of them is not known, or nothing was added. */
export function addedNorm(trace: Trace, pass: Pass): number | null {
  let [squares, added] = [0, 0];
  for (const row of pass.accumulations) {
    if (row.effect === "not stored") continue;
    if (!row.isMeasured) return null;
    if (row.added < 0) continue;
    const norm = trace.measured(row.added)!.norm;
    if (norm === null) return null;
    squares += norm * norm;
    added++;
  }
  return added ? Math.sqrt(squares) : null;
}

const [WIDTH, LEFT, PANEL, GAP, TOP] = [340, 60, 52, 20, 14];

/** Two lines, one below the other, of the passes that the same line of the program starts; null for fewer than two. */
export function runChart(trace: Trace, current: Pass): SVGElement | null {
  const points = measuredPasses(trace).filter(
    ({ pass }) => pass.place === current.place && pass.process === current.process,
  );
  if (points.length < 2) return null;
  const series = [
    { name: current.roots[0]?.name ?? "root", of: (point: Measured) => point.loss, class: "loss" },
    { name: "norm of all gradients", of: (point: Measured) => point.norm, class: "norm" },
  ].filter(
    ({ of }) =>
      points.filter((point) => of(point) !== null).length > 1 && points.some((point) => finite(of(point)) !== null),
  );
  if (!series.length) return null;
  const last = points[points.length - 1].pass.index;
  const first = points[0].pass.index;
  const x = (point: Measured) =>
    LEFT + 8 + ((WIDTH - LEFT - 16) * (point.pass.index - first)) / Math.max(1, last - first);
  const marks: SVGElement[] = [];
  const now = points.find((point) => point.pass === current);
  const bottom = TOP + series.length * (PANEL + GAP) - GAP;
  if (now) marks.push(svg("line", { class: "here", x1: x(now), x2: x(now), y1: TOP, y2: bottom }));
  series.forEach((one, k) => {
    marks.push(...panel(points, x, one.of, { name: one.name, class: one.class, top: TOP + k * (PANEL + GAP) }));
  });
  marks.push(svg("text", { x: x(points[0]), y: bottom + 14, "text-anchor": "middle" }, `pass ${first}`));
  marks.push(svg("text", { x: x(points[points.length - 1]), y: bottom + 14, "text-anchor": "middle" }, String(last)));
  const told = points
    .slice(0, 12)
    .map(({ pass, loss, norm }) => `pass ${pass.index}: loss ${said(loss)}, gradients ${said(norm)}`);
  return svg(
    "svg",
    {
      class: "chart",
      viewBox: `0 0 ${WIDTH} ${bottom + 18}`,
      role: "img",
      "aria-label": `Loss and norm of all gradients: ${told.join("; ")}`,
    },
    marks,
  );
}

interface Part {
  name: string;
  class: string;
  top: number;
}

function panel(
  points: Measured[],
  x: (point: Measured) => number,
  of: (point: Measured) => number | null,
  part: Part,
): SVGElement[] {
  const known = points.filter((point) => finite(of(point)) !== null);
  const values = known.map((point) => of(point)!);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const bottom = part.top + PANEL;
  const y = (value: number) => (high > low ? bottom - ((value - low) / (high - low)) * PANEL : part.top + PANEL / 2);
  const path = known.map((point, i) => `${i ? "L" : "M"}${x(point).toFixed(1)} ${y(of(point)!).toFixed(1)}`).join("");
  const tick = (value: number) => svg("text", { x: LEFT - 4, y: y(value) + 3, "text-anchor": "end" }, number(value, 3));
  const marks = [
    svg("line", { class: "axis", x1: LEFT, x2: WIDTH, y1: bottom, y2: bottom }),
    svg("text", { class: "head", x: WIDTH, y: part.top - 4, "text-anchor": "end" }, part.name.slice(0, 30)),
    svg("path", { class: part.class, d: path }),
    tick(high),
  ];
  if (high > low) marks.push(tick(low));
  const odd = points.find((point) => of(point) !== null && finite(of(point)) === null);
  if (odd) marks.push(svg("text", { class: "bad", x: x(odd) - 6, y: part.top + 14 }, `${said(of(odd))}`));
  if (points.length > 60) return marks;
  for (const point of points) {
    const value = of(point);
    if (value === null) continue;
    const title = svg("title", {}, `pass ${point.pass.index}: ${part.name} ${said(value)}`);
    marks.push(
      svg(
        "circle",
        {
          class: Number.isFinite(value) ? part.class : "bad",
          cx: x(point),
          cy: Number.isFinite(value) ? y(value) : part.top,
          r: 2.6,
        },
        title,
      ),
    );
  }
  return marks;
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

function said(value: number | null): string {
  return value === null ? "not measured" : number(value);
}
