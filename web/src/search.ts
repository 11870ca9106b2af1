// Search by name, operation, module or source line.

import type { App, Selection } from "./app";
import { byId, el } from "./dom";
import { count } from "./numbers";
import { announce } from "./picture";
import { placeText } from "./source";

interface Hit {
  selection: Selection;
  title: string;
  where: string;
  rank: number;
}

const SHOWN = 60;

export class Search {
  private readonly input = byId<HTMLInputElement>("search");
  private readonly list = byId("found");
  private hits: Hit[] = [];
  private at = 0;

  constructor(
    private readonly app: App,
    private readonly afterwards: () => void,
  ) {
    this.input.addEventListener("input", () => this.search());
    this.input.addEventListener("focus", () => this.search());
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.input.addEventListener("keydown", (event) => this.key(event));
  }

  focus(): void {
    this.input.focus();
    this.input.select();
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.at = Math.max(0, Math.min(this.hits.length - 1, this.at + (event.key === "ArrowDown" ? 1 : -1)));
      this.mark();
    } else if (event.key === "Enter") this.choose(this.at);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
  }

  private search(): void {
    const wanted = this.input.value.trim().toLowerCase();
    this.hits = wanted ? this.find(wanted) : [];
    this.at = 0;
    this.list.replaceChildren(
      ...this.hits.map((hit, i) =>
        el(
          "li",
          { id: `hit-${i}`, role: "option", mousedown: () => this.choose(i) },
          el("span", {}, hit.title.slice(0, 90)),
          el("span", { class: "where" }, hit.where.slice(0, 120)),
        ),
      ),
      ...(wanted && !this.hits.length ? [el("li", { role: "option", "aria-disabled": "true" }, "nothing found")] : []),
    );
    this.list.hidden = !wanted;
    this.input.setAttribute("aria-expanded", String(Boolean(wanted)));
    if (wanted) announce(this.hits.length ? count(this.hits.length, "result") : "nothing found");
    this.mark();
  }

  private find(wanted: string): Hit[] {
    const { trace, graph } = this.app;
    const hits: Hit[] = [];
    const rank = (text: string) =>
      text === wanted
        ? 0
        : text.startsWith(wanted)
          ? 1
          : text.split(/[.\s]/).some((word) => word.startsWith(wanted))
            ? 2
            : text.includes(wanted)
              ? 3
              : -1;
    const add = (text: string, bonus: number, hit: () => Omit<Hit, "rank">) => {
      const found = rank(text.toLowerCase());
      if (found >= 0 && hits.length < 4000) hits.push({ ...hit(), rank: found + bonus });
    };
    for (const leaf of trace.leaves)
      add(leaf.name, 0, () => ({
        selection: { kind: "leaf", ref: leaf.id },
        title: leaf.name,
        where: `leaf ${leaf.spec}`,
      }));
    if (!graph) return hits.sort((a, b) => a.rank - b.rank).slice(0, SHOWN);
    for (let box = 1; box < graph.nBoxes; box++) {
      const path = trace.text(graph.boxes.path[box]) ?? "";
      if (!path.includes("#"))
        add(path, 0.2, () => ({
          selection: { kind: "box", ref: box },
          title: path,
          where: trace.text(graph.boxes.type[box]) ?? "module",
        }));
    }
    // A text belongs to many nodes: each is compared once.
    const ranks = new Map<number, number>();
    const rankOf = (text: number) => {
      let found = ranks.get(text);
      if (found === undefined) ranks.set(text, (found = text < 0 ? -1 : rank((trace.text(text) ?? "").toLowerCase())));
      return found;
    };
    const places = new Map<number, [number, string]>();
    const placeRank = (place: number): [number, string] => {
      let found = places.get(place);
      if (!found) {
        const at = trace.place(place);
        const text = at ? placeText(at) : "";
        places.set(
          place,
          (found = [
            text && `${text.toLowerCase()}:`.startsWith(wanted.endsWith(":") ? wanted : `${wanted}:`)
              ? 0
              : wanted.includes(":") || !at
                ? -1
                : at.text.toLowerCase().includes(wanted)
                  ? 5
                  : -1,
            text,
          ]),
        );
      }
      return found;
    };
    for (const node of graph.inOrder) {
      if (hits.length >= 4000) break;
      const candidates = [
        rankOf(graph.nodes.name[node]),
        rankOf(graph.nodes.op[node]) + 0.5,
        rankOf(graph.nodes.type[node]) + 0.6,
      ].map((found) => (found < 0 || found === -0.5 || found === -0.4 ? Infinity : found));
      const [placed, where] = placeRank(graph.nodes.place[node]);
      const best = Math.min(...candidates, placed < 0 ? Infinity : placed);
      if (best === Infinity) continue;
      hits.push({
        selection: { kind: "node", ref: node },
        title: graph.title(node),
        where: [trace.text(graph.nodes.module[node]), where].filter(Boolean).join(" · "),
        rank: best + 0.3,
      });
    }
    return hits.sort((a, b) => a.rank - b.rank).slice(0, SHOWN);
  }

  private mark(): void {
    for (const [i, item] of [...this.list.children].entries())
      item.setAttribute("aria-selected", String(i === this.at));
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
    if (this.hits.length) this.input.setAttribute("aria-activedescendant", `hit-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  private choose(i: number): void {
    const hit = this.hits[i];
    if (!hit) return;
    this.app.select(hit.selection);
    this.close();
    this.afterwards();
  }

  private close(): void {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
  }
}
