// What each pass added to a leaf, as bars; where passes add up, what its .grad held, as a line that falls where it is zeroed.

import { svg } from "./dom";
import { brief, number } from "./numbers";
import type { Timeline } from "./timeline";
import type { Pass, Stats, Trace } from "./trace";

/** Charts of more passes have no dots. */
const DOTTED = 24;

interface Point {
  pass: Pass;
  before: number | null;
  added: number | null;
  after: number | null;
  isBad: boolean;
  title: string;
}

/** A number that stands for a tensor: itself when it is one, else its norm; null for None and what is not finite. */
function height(stats: Stats | null): number | null {
  if (!stats) return null;
  const size = scalar(stats) ?? stats.norm;
  return size !== null && Number.isFinite(size) ? size : null;
}

/** The only element of a tensor, NaN and Inf as well; null when there are several, or it was not measured. */
export function scalar(stats: Stats): number | null {
  if (stats.numel !== 1 || stats.value === null) return null;
  const text = stats.value.replace(/[[\]"]/g, "");
  const signs: Record<string, number> = { nan: Number.NaN, inf: Infinity, "-inf": -Infinity };
  if (text in signs) return signs[text];
  const value = text ? Number(text) : Number.NaN;
  return Number.isNaN(value) ? null : value;
}

function pointsOf(trace: Trace, leaf: number): Point[] {
  return trace.passes.flatMap((pass) => {
    const row = pass.byLeaf.get(leaf);
    if (!row?.isMeasured) return [];
    const [before, added, after] = [row.before, row.added, row.after].map((stats) => trace.measured(stats));
    const isStored = row.effect !== "not stored";
    return {
      pass,
      before: height(before),
      added: isStored ? height(added) : null,
      after: height(after),
      isBad: [row.before, row.added, row.after].some((stats) => trace.isBad(stats)),
      title: `pass ${pass.index} ${isStored ? "adds" : "returns"} ${brief(added)}: .grad ${brief(before)} → ${brief(after)} (${row.effect})`,
    };
  });
}

/** How high the bars of a leaf are: what each pass added to it, 0 for nothing. */
export function barHeights(trace: Trace, leaf: number): number[] {
  return pointsOf(trace, leaf).map(({ added }) => added ?? 0);
}

function extent(values: (number | null)[]): [low: number, high: number] {
  return values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value ?? 0), Math.max(high, value ?? 0)],
    [0, 0],
  );
}

export function ledgerChart(trace: Trace, timeline: Timeline, leaf: number, current: Pass | null): SVGElement | null {
  const points = pointsOf(trace, leaf);
  if (!points.some(({ added, after }) => added !== null || after !== null)) return null;
  const [width, bottom, left, top] = [340, 128, 44, 10];
  const [low, high] = extent(points.flatMap(({ before, added, after }) => [before, added, after]));
  const y = (value: number | null) => bottom - (((value ?? 0) - low) / (high - low || 1)) * (bottom - top);
  const column = (width - left) / points.length;
  const x = (i: number, part: number) => left + column * (i + part);
  const [back, bars, lines, dots, texts]: SVGElement[][] = [[], [], [], [], []];
  const every = Math.ceil(points.length / 12);
  const isHeld = accumulates(trace, leaf);
  points.forEach((point, i) => {
    if (point.pass === current)
      back.push(svg("rect", { class: "now", x: x(i, 0), y: 0, width: column, height: bottom + 18 }));
    const wide = Math.min(28, column * 0.5);
    bars.push(bar(point, x(i, 0.5) - wide / 2, wide, y));
    if (isHeld) lines.push(...heldLines(points, i, { x, y }, timeline));
    if (isHeld && points.length <= DOTTED) {
      for (const [part, value] of [
        [0.15, point.before],
        [0.85, point.after],
      ] as const) {
        const kind = point.isBad ? "bad" : value === null ? "none" : "";
        dots.push(svg("circle", { cx: x(i, part), cy: y(value), r: 2.4, class: kind }, svg("title", {}, point.title)));
      }
    }
    if (i % every === 0) {
      texts.push(svg("text", { x: x(i, 0.5), y: bottom + 14, "text-anchor": "middle" }, String(point.pass.index)));
    }
  });
  for (const value of new Set([high, low, 0])) {
    texts.push(svg("text", { x: left - 6, y: y(value) + 3, "text-anchor": "end" }, number(value, 3)));
  }
  const summary = points.length <= 12 ? points.map((point) => point.title).join("; ") : `${points.length} passes`;
  const label = `What each pass added: ${summary}`;
  return svg(
    "svg",
    { class: "chart", viewBox: `0 0 ${width} ${bottom + 20}`, role: "img", "aria-label": label },
    back,
    svg("line", { class: "axis", x1: left, y1: y(0), x2: width, y2: y(0) }),
    bars,
    lines,
    dots,
    texts,
  );
}

/** Whether a pass added to what was there already; else .grad after a pass is what that pass added. */
export function accumulates(trace: Trace, leaf: number): boolean {
  return pointsOf(trace, leaf).some(({ before }) => before);
}

interface Axes {
  x: (i: number, part: number) => number;
  y: (value: number | null) => number;
}

/** .grad through a pass, and on to the next one. */
function heldLines(points: Point[], i: number, { x, y }: Axes, timeline: Timeline): SVGElement[] {
  const point = points[i];
  const next = points[i + 1];
  const through = { x1: x(i, 0.15), y1: y(point.before), x2: x(i, 0.85), y2: y(point.after) };
  const lines = [svg("line", { class: "keep", ...through })];
  if (!next) return lines;
  const cleared = timeline.events(point.pass).some(({ kind }) => kind === "zero_grad" || kind === "grad_cleared");
  const on = { x1: x(i, 0.85), y1: y(point.after), x2: x(i + 1, 0.15), y2: y(next.before) };
  return [...lines, svg("line", { class: cleared ? "zero" : "keep", ...on })];
}

/** What one pass added, from zero; a mark at the axis where it is not finite, nothing where nothing was added. */
function bar(point: Point, x: number, width: number, y: (value: number | null) => number): SVGElement {
  const isKnown = point.added !== null;
  const ends = [y(0), isKnown ? y(point.added) : y(0) - (point.isBad ? 6 : 0)];
  const [top, tall] = [Math.min(...ends), Math.abs(ends[0] - ends[1])];
  const size = { x, y: top, width, height: isKnown ? Math.max(1, tall) : tall };
  return svg("rect", { class: point.isBad ? "add bad" : "add", ...size }, svg("title", {}, point.title));
}

export function sparkline(trace: Trace, leaf: number): SVGElement {
  const points = pointsOf(trace, leaf);
  const [width, tall] = [84, 24];
  const [low, high] = extent(barHeights(trace, leaf));
  const y = (value: number | null) => tall - 2 - (((value ?? 0) - low) / (high - low || 1)) * (tall - 4);
  const column = Math.min(14, width / Math.max(1, points.length));
  const start = width - column * points.length;
  return svg(
    "svg",
    { class: "chart", viewBox: `0 0 ${width} ${tall}`, width, height: tall, "aria-hidden": "true" },
    points.map((point, i) => bar(point, start + column * (i + 0.15), column * 0.7, y)),
    svg("line", { class: "axis", x1: start, x2: width, y1: y(0), y2: y(0) }),
  );
}
