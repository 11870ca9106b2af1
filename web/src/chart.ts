// The ledger of a leaf over the passes, as a line that rises by what each pass adds and falls where .grad is zeroed.

import { svg } from "./dom";
import { brief, number } from "./numbers";
import type { Timeline } from "./timeline";
import type { Pass, Stats, Trace } from "./trace";

interface Point {
  pass: Pass;
  before: number | null;
  after: number | null;
  isBad: boolean;
  title: string;
}

/** A number that stands for a tensor: itself when it is one, else its norm; null for None. */
function height(stats: Stats | null): number | null {
  if (!stats) return null;
  if (stats.numel === 1 && stats.value !== null) {
    const value = Number(stats.value.replace(/[[\]"]/g, ""));
    if (Number.isFinite(value)) return value;
  }
  return stats.norm !== null && Number.isFinite(stats.norm) ? stats.norm : null;
}

function pointsOf(trace: Trace, leaf: number): Point[] {
  return trace.passes.flatMap((pass) => {
    const row = pass.byLeaf.get(leaf);
    if (!row?.isMeasured) return [];
    const [before, added, after] = [row.before, row.added, row.after].map((stats) => trace.measured(stats));
    return {
      pass,
      before: height(before),
      after: height(after),
      isBad: trace.isBad(row.after) || trace.isBad(row.before),
      title: `pass ${pass.index}: ${brief(before)} → ${brief(after)} (adds ${brief(added)}, ${row.effect})`,
    };
  });
}

export function ledgerChart(trace: Trace, timeline: Timeline, leaf: number, current: Pass | null): SVGElement | null {
  const points = pointsOf(trace, leaf);
  if (!points.length) return null;
  const [width, bottom, left, top] = [340, 128, 44, 10];
  const values = points.flatMap((point) => [point.before ?? 0, point.after ?? 0]);
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const span = high - low || 1;
  const y = (value: number | null) => bottom - (((value ?? 0) - low) / span) * (bottom - top);
  const column = (width - left) / points.length;
  const x = (i: number, part: number) => left + column * (i + part);
  const marks: SVGElement[] = [];
  points.forEach((point, i) => {
    const next = points[i + 1];
    if (point.pass === current)
      marks.unshift(svg("rect", { class: "now", x: x(i, 0), y: 0, width: column, height: bottom + 18 }));
    marks.push(svg("line", { class: "add", x1: x(i, 0.3), y1: y(point.before), x2: x(i, 0.7), y2: y(point.after) }));
    if (next) {
      const isZeroed = timeline
        .events(point.pass)
        .some((event) => event.kind === "zero_grad" || event.kind === "grad_cleared");
      marks.push(
        svg("line", {
          class: isZeroed ? "zero" : "keep",
          x1: x(i, 0.7),
          y1: y(point.after),
          x2: x(i + 1, 0.3),
          y2: y(next.before),
        }),
      );
    }
    if (points.length <= 60) {
      const dot = (part: number, value: number | null) =>
        svg(
          "circle",
          { cx: x(i, part), cy: y(value), r: 3, class: point.isBad ? "bad" : value === null ? "none" : "" },
          svg("title", {}, point.title),
        );
      marks.push(dot(0.3, point.before), dot(0.7, point.after));
    }
    const every = Math.ceil(points.length / 12);
    if (i % every === 0)
      marks.push(svg("text", { x: x(i, 0.5), y: bottom + 14, "text-anchor": "middle" }, String(point.pass.index)));
  });
  const tick = (value: number) => svg("text", { x: left - 6, y: y(value) + 3, "text-anchor": "end" }, number(value, 3));
  const summary = points.length <= 12 ? points.map((point) => point.title).join("; ") : `${points.length} passes`;
  return svg(
    "svg",
    {
      class: "chart",
      viewBox: `0 0 ${width} ${bottom + 20}`,
      role: "img",
      "aria-label": `.grad over the passes: ${summary}`,
    },
    marks.filter((mark) => mark.classList.contains("now")),
    svg("line", { class: "axis", x1: left, y1: y(0), x2: width, y2: y(0) }),
    high ? tick(high) : null,
    low ? tick(low) : null,
    tick(0),
    marks.filter((mark) => !mark.classList.contains("now")),
  );
}

export function sparkline(trace: Trace, leaf: number): SVGElement {
  const points = pointsOf(trace, leaf);
  const [width, tall] = [84, 24];
  const values = points.flatMap((point) => [point.before ?? 0, point.after ?? 0]);
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const y = (value: number | null) => tall - 2 - (((value ?? 0) - low) / (high - low || 1)) * (tall - 4);
  const column = width / Math.max(1, points.length);
  const path = points.map(
    (point, i) =>
      `${i ? "L" : "M"}${(column * (i + 0.25)).toFixed(1)} ${y(point.before).toFixed(1)}L${(column * (i + 0.75)).toFixed(1)} ${y(point.after).toFixed(1)}`,
  );
  const isBad = points.some((point) => point.isBad);
  return svg(
    "svg",
    { class: "chart", viewBox: `0 0 ${width} ${tall}`, width, height: tall, "aria-hidden": "true" },
    svg("path", {
      d: path.join("") || "M0 0",
      fill: "none",
      stroke: isBad ? "var(--bad)" : "var(--leaf)",
      "stroke-width": 1.5,
    }),
  );
}
