// A place in the user's source, with the part that matters marked.

import { el } from "./dom";
import type { Place } from "./trace";

export function placeText(place: Place): string {
  const parts = place.file.split(/[\\/]/);
  return `${parts[parts.length - 1]}:${place.line}`;
}

export function source(place: Place | null): HTMLElement | null {
  if (!place) return null;
  const where = `${place.file}, line ${place.line}${place.function && place.function !== "<module>" ? `, in ${place.function}` : ""}`;
  const children: (Node | null)[] = [el("p", { class: "quiet" }, where)];
  if (place.text.trim())
    children.push(el("pre", { class: "source", tabindex: 0, "aria-label": "Source" }, snippet(place)));
  return el("div", {}, children);
}

function snippet(place: Place): (Node | string)[] {
  const lines = place.text.split("\n").map((line) => [...line]);
  const indents = lines
    .filter((line) => line.some((char) => char.trim()))
    .map((line) => line.findIndex((char) => char.trim()));
  const indent = Math.min(...indents);
  const last = Math.max(place.line, place.endLine || place.line);
  const width = String(place.line + lines.length - 1).length;
  return lines.flatMap((line, i) => {
    const number = place.line + i;
    const start = number === place.line ? place.column - 1 : indent;
    const end =
      number < last
        ? line.length
        : number === last && place.endColumn
          ? place.endColumn - 1
          : number === last
            ? line.length
            : 0;
    const cutAt = (at: number) => Math.max(indent, Math.min(line.length, at));
    const [from, to] = [cutAt(start), Math.max(cutAt(start), cutAt(end))];
    const text = (a: number, b: number) => line.slice(a, b).join("");
    return [
      el("span", { class: "at" }, String(number).padStart(width)),
      text(indent, from),
      from < to ? el("mark", {}, text(from, to)) : "",
      text(to, line.length),
      i < lines.length - 1 ? "\n" : "",
    ];
  });
}
