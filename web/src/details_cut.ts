// The panel for a value that left the graph.

import type { Details } from "./details";
import { el } from "./dom";
import { count } from "./numbers";
import { type Content, more, ROWS_SHOWN, section } from "./parts";
import { source } from "./source";

export function cutDetails(d: Details, number: number): Content[] {
  const { trace, pass } = d.app;
  const cut = pass!.cuts[number];
  return [
    el("h2", {}, `cut ${cut.call}`, cut.source ? " " : "", cut.source ? el("em", {}, cut.source.slice(0, 200)) : null),
    el("p", {}, `${cut.told}. What came of it is a constant in this graph: no gradient goes on here.`),
    ...(d.app.markedCuts.get(number) ?? []).map((finding) => d.finding(finding)),
    section("Where", source(trace.place(cut.place))),
    section("Taken in by", el("p", {}, d.linkTo(cut.node))),
    cut.leaves.length
      ? section(
          `No gradient this way to ${count(cut.leaves.length, "leaf", "leaves")}`,
          ...cut.leaves.slice(0, ROWS_SHOWN).map((leaf) => d.leafRow(leaf)),
          more(cut.leaves.length),
        )
      : null,
  ];
}
