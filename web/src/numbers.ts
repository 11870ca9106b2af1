// Numbers as words, as gradtrace/text/wording.py says them.

import type { Stats } from "./trace";

export function number(x: number | string | boolean, digits = 4): string {
  if (typeof x !== "number")
    return typeof x === "string" ? (x === "nan" ? "NaN" : x === "inf" ? "Inf" : x === "-inf" ? "-Inf" : x) : String(x);
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "NaN" : x > 0 ? "Inf" : "-Inf";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size < 1e6 && (Number.isInteger(x) || size >= 10 ** digits)) return x.toFixed(0);
  const exponent = Math.floor(Math.log10(size));
  if (exponent < -4 || exponent >= 6)
    return x
      .toExponential(digits - 1)
      .replace(/\.?0+e/, "e")
      .replace(/e([+-])(\d)$/, "e$10$2");
  return String(Number(x.toPrecision(digits)));
}

export function count(n: number, word: string, words = `${word}s`): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? word : words}`;
}

export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; n >= 1000 && unit < units.length - 1; unit++) n /= 1000;
  return `${unit ? number(n, 3) : n} ${units[unit]}`;
}

type Nested = number | string | boolean | Nested[];

/** All elements in the tensor's own nesting, from their JSON. */
export function elements(json: string, digits = 4): string {
  const written = (item: Nested): string =>
    Array.isArray(item) ? `[${item.map(written).join(", ")}]` : number(item, digits);
  try {
    return written(JSON.parse(json) as Nested);
  } catch {
    return json;
  }
}

export function nonFinite(stats: Stats): string {
  const parts: string[] = [];
  if (stats.nan) parts.push(`${stats.nan.toLocaleString("en-US")} NaN`);
  if (stats.inf) parts.push(`${stats.inf.toLocaleString("en-US")} Inf`);
  return parts.join(", ");
}

/** What was added, behind what it was added to; nothing where it can only be told as a norm, for norms do not add up. */
export function plus(stats: Stats | null): string {
  const text = stats ? brief(stats, "|", 16) : "|";
  return text.startsWith("|") || text === "empty" ? "" : text.startsWith("-") ? ` (${text})` : ` (+${text})`;
}

/** A tensor in a few characters: all its elements when they are few, else its norm. */
export function brief(stats: Stats | null, letter = "g", longest = 28): string {
  if (!stats) return "None";
  if (stats.numel === 0) return "empty";
  if (stats.value !== null) {
    const text = elements(stats.value);
    if (text.length <= longest) return text;
  }
  const bad = nonFinite(stats);
  if (stats.norm !== null) return `|${letter}| ${number(stats.norm)}${bad ? ` (${bad})` : ""}`;
  return bad || stats.spec;
}
