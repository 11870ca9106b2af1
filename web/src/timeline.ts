// What has happened at a moment: which nodes have run, and what stands in every leaf's .grad.

import type { PassGraph } from "./graph";
import type { Event, Pass, Trace } from "./trace";

const LEDGER_EVENTS = new Set(["zero_grad", "grad_cleared", "grad_modified", "step"]);

/** A moment of a pass: `time` counts the engine's steps, and after them the events before the next pass. */
export interface Moment {
  pass: Pass;
  graph: PassGraph | null;
  time: number;
}

/** `.grad` of a leaf: a measurement, -1 for None, or null when it is not known. */
export interface LeafState {
  stats: number | null;
  kind: "grad" | "zeros" | "changed" | "unknown";
  /** Whether the pass has added to it, and whether step() has read it since. */
  isAdded: boolean;
  isStepped: boolean;
}

export class Timeline {
  private readonly after: Event[][];
  readonly before: Event[];

  constructor(private readonly trace: Trace) {
    this.before = trace.events.filter((event) => event.pass === 0 && LEDGER_EVENTS.has(event.kind));
    this.after = trace.passes.map((pass) =>
      trace.events.filter(
        (event) => event.pass >= pass.index && event.pass < pass.index + pass.count && LEDGER_EVENTS.has(event.kind),
      ),
    );
  }

  /** Events between this pass and the next. */
  events(pass: Pass): Event[] {
    return this.after[pass.position];
  }

  steps(pass: Pass): number {
    return pass.graph()?.nSteps ?? 0;
  }

  end(pass: Pass): number {
    return this.steps(pass) + this.events(pass).length;
  }

  /** `.grad` of a leaf at a moment. */
  leaf(leaf: number, { pass, graph, time }: Moment): LeafState {
    const row = pass.byLeaf.get(leaf);
    const steps = graph?.nSteps ?? 0;
    const step = accumulatedAt(graph, leaf);
    const isAdded =
      row !== undefined && row.added >= 0 && row.effect !== "not stored" && (step >= 0 ? time > step : time >= steps);
    const base =
      row && !row.isMeasured
        ? { stats: null, kind: "unknown" as const }
        : row
          ? { stats: isAdded ? row.after : row.before, kind: "grad" as const }
          : this.carried(leaf, pass);
    return this.changed(
      { ...base, isAdded, isStepped: false },
      leaf,
      this.events(pass).slice(0, Math.max(0, Math.floor(time - steps))),
    );
  }

  /** The largest norm that `.grad` of the leaf ever had. */
  largest(leaf: number): number {
    let most = 0;
    for (const pass of this.trace.passes) {
      const row = pass.byLeaf.get(leaf);
      if (!row) continue;
      for (const stats of [row.before, row.after])
        if (stats >= 0 && this.trace.norms[stats] > most) most = this.trace.norms[stats];
    }
    return most;
  }

  private carried(leaf: number, pass: Pass): { stats: number | null; kind: LeafState["kind"] } {
    for (let position = pass.position - 1; position >= 0; position--) {
      const earlier = this.trace.passes[position];
      const row = earlier.byLeaf.get(leaf);
      if (!row) continue;
      if (!row.isMeasured) break;
      const events = this.trace.passes.slice(position, pass.position).flatMap((other) => this.events(other));
      const { stats, kind } = this.changed(
        { stats: row.after, kind: "grad", isAdded: false, isStepped: false },
        leaf,
        events,
      );
      return { stats, kind };
    }
    return { stats: null, kind: "unknown" };
  }

  private changed(state: LeafState, leaf: number, events: Event[]): LeafState {
    let { stats, kind, isAdded, isStepped } = state;
    for (const event of events) {
      if (!event.leaves.includes(leaf)) continue;
      if (event.kind === "step") isStepped = true;
      else if (event.kind === "grad_modified") kind = "changed";
      else {
        kind = event.toNone === false && stats !== -1 ? "zeros" : "grad";
        stats = -1;
        isAdded = false;
      }
    }
    return { stats, kind, isAdded, isStepped };
  }
}

function accumulatedAt(graph: PassGraph | null, leaf: number): number {
  let last = -1;
  for (const node of graph?.nodesOfLeaf.get(leaf) ?? []) last = Math.max(last, graph!.nodes.order[node]);
  return last;
}

/** What an event did, in words. */
export function eventText(event: Event): string {
  const what = event.call || event.kind.replace("_", " ");
  const effect =
    event.kind === "zero_grad" || event.kind === "grad_cleared"
      ? event.toNone === false
        ? ": .grad becomes 0"
        : event.toNone
          ? ": .grad becomes None"
          : ": .grad is cleared"
      : event.kind === "grad_modified"
        ? ": .grad is changed"
        : event.kind === "step"
          ? ": parameters are updated from .grad"
          : "";
  return `${what}${effect}${event.count > 1 ? ` (${event.count} times)` : ""}`;
}
