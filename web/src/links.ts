// Deep links: the address follows what is shown, and leads back to it.

import { type Address, read, written } from "./address";
import type { App } from "./app";
import type { Tables } from "./tables";

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
    const { trace } = app;
    const wanted = read(location.hash);
    const index = wanted.pass ?? (app.pass ? null : trace.start);
    const found = trace.passes.find((pass) => index !== null && index >= pass.index && index < pass.index + pass.count);
    const target = found ?? app.pass ?? trace.passes.find((pass) => pass.recorded === "full") ?? trace.passes[0];
    if (target) app.showPass(target.position, wanted.time ?? undefined);
    if (wanted.chosen) this.choose(wanted.chosen);
    if (wanted.isTables !== null) this.tables.show(wanted.isTables);
  }

  private choose({ kind, ref }: NonNullable<Address["chosen"]>): void {
    const { app } = this;
    const isName = kind === "leaf" && !/^\d+$/.test(ref);
    const number = isName ? app.trace.leaves.findIndex((leaf) => leaf.name === ref) : Number(ref);
    if (!Number.isInteger(number) || number < 0 || number >= app.count(kind)) return;
    const leaf = kind === "node" ? app.graph!.nodes.leaf[number] : -1;
    app.select(leaf >= 0 ? { kind: "leaf", ref: leaf } : { kind, ref: number });
  }

  write(): void {
    const { app } = this;
    const { pass, selection } = app;
    this.own = written({
      pass: pass?.index ?? null,
      chosen: selection && { kind: selection.kind, ref: String(selection.ref) },
      time: pass && app.time !== app.timeline.steps(pass) ? Math.floor(app.time) : null,
      isTables: this.tables.isShown,
      rank: read(location.hash).rank,
    });
    try {
      history.replaceState(null, "", `#${this.own}`);
    } catch {
      // A sandboxed page has no history of its own: then it has no deep links either.
    }
  }
}
