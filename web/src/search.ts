// Search by name, operation, module or source line.

import type { App } from "./app";
import { byId, el } from "./dom";
import { find, type Hit } from "./find";
import { count } from "./numbers";
import { announce } from "./picture";

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
    const wanted = this.input.value.trim();
    this.hits = find(this.app.trace, this.app.graph, wanted);
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
