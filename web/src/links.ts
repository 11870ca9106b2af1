// Deep links: `#pass=2&node=17&time=3` is a place in the run.

import type { App } from "./app";
import type { Tables } from "./tables";

const SELECTIONS = ["node", "leaf", "box", "cut"] as const;

export class Links {
  private own = "";

  constructor(
    private readonly app: App,
    private readonly tables: Tables,
  ) {
    addEventListener("hashchange", () => {
      if (location.hash.slice(1) !== this.own) this.follow();
    });
  }

  listen(): void {
    this.app.listen((change) => {
      if (change === "pass" || change === "selection" || (change === "time" && !this.app.isPlaying)) this.write();
    });
  }

  /** Goes where the address says; leaves and nodes may be given by number, leaves by name too. */
  follow(): void {
    const { app } = this;
    const wanted = new URLSearchParams(location.hash.slice(1));
    const index = Number(wanted.get("pass") ?? (app.pass ? NaN : (app.trace.start ?? NaN)));
    const found = app.trace.passes.find((pass) => index >= pass.index && index < pass.index + pass.count);
    const target =
      found ??
      app.pass ??
      app.trace.passes.find((pass) => pass.error && pass.recorded === "full") ??
      app.trace.passes.find((pass) => pass.recorded === "full") ??
      app.trace.passes[0];
    const time = wanted.get("time");
    if (target) app.showPass(target.position, time === null ? undefined : Number(time) || 0);
    for (const kind of SELECTIONS) {
      const text = wanted.get(kind);
      if (text === null) continue;
      const ref =
        kind === "leaf" && !/^\d+$/.test(text)
          ? app.trace.leaves.findIndex((leaf) => leaf.name === text)
          : Number(text);
      if (!Number.isInteger(ref) || ref < 0 || ref >= app.count(kind)) continue;
      const leaf = kind === "node" ? app.graph!.nodes.leaf[ref] : -1;
      app.select(leaf >= 0 ? { kind: "leaf", ref: leaf } : { kind, ref });
    }
    if (wanted.get("view")) this.tables.show(wanted.get("view") === "tables");
  }

  write(): void {
    const { app } = this;
    const parts = new URLSearchParams();
    if (app.pass) parts.set("pass", String(app.pass.index));
    if (app.selection) parts.set(app.selection.kind, String(app.selection.ref));
    if (app.pass && app.time !== app.timeline.steps(app.pass)) parts.set("time", String(Math.floor(app.time)));
    if (this.tables.isShown) parts.set("view", "tables");
    this.own = parts.toString();
    try {
      history.replaceState(null, "", `#${this.own}`);
    } catch {
      // A sandboxed page has no history of its own: then it has no deep links either.
    }
  }
}
