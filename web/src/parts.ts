// Pieces of which the side panel is made.

import { el } from "./dom";
import { elements, nonFinite, number } from "./numbers";
import type { Stats } from "./trace";

export type Content = Node | string | null | false | undefined;

/** Longer lists are cut here. */
export const ROWS_SHOWN = 50;

export function section(title: string, ...content: Content[]): HTMLElement | null {
  const shown = content.filter((part): part is Node | string => Boolean(part));
  if (!shown.length) return null;
  const parent = el("section", {}, el("h3", {}, title));
  let rows: HTMLElement | null = null;
  for (const part of shown) {
    if (!(part instanceof HTMLLIElement)) {
      parent.append(part);
      rows = null;
      continue;
    }
    if (!rows) parent.append((rows = el("ul", { class: "rows" })));
    rows.append(part);
  }
  return parent;
}

export function facts(title: string, pairs: [string, string][]): HTMLElement | null {
  const known = pairs.filter(([, value]) => value);
  return known.length
    ? section(
        title,
        el(
          "dl",
          { class: "facts" },
          known.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
        ),
      )
    : null;
}

export function more(n: number, shown = ROWS_SHOWN): HTMLElement | null {
  return n > shown ? el("p", { class: "quiet" }, `… and ${(n - shown).toLocaleString("en-US")} more`) : null;
}

export function row(what: Content, number: Content, note = ""): HTMLElement {
  return el("li", {}, el("span", {}, what, note ? el("small", {}, note) : null), number);
}

export function tensor(stats: Stats | null): HTMLElement {
  if (!stats) return el("span", { class: "quiet" }, "nothing");
  const bad = nonFinite(stats);
  const parts = [stats.norm === null ? "" : `norm ${number(stats.norm)}`];
  if (stats.min !== null && stats.max !== null) parts.push(`${number(stats.min)} … ${number(stats.max)}`);
  if (stats.mean !== null) parts.push(`mean ${number(stats.mean)}`);
  if (stats.zero) parts.push(`${stats.zero.toLocaleString("en-US")} zero`);
  const isWhole = stats.value !== null;
  return el(
    "span",
    { class: "number" },
    isWhole ? el("b", {}, elements(stats.value!)) : parts.shift() || stats.spec,
    bad ? el("span", { class: "bad" }, ` ${bad}`) : null,
    el("small", {}, [stats.spec, ...(stats.numel === 1 ? [] : parts)].filter(Boolean).join(" · ")),
  );
}
