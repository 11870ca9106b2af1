// The run as the page sees it: the tables of gradtrace/renderers/page/data.py behind names.

import { type Container, type Floats, type Integers, type Reference, unpack } from "./container";
import { type GraphTables, PassGraph } from "./graph";
import type { Theme } from "./palette";

type Table<Names extends string> = Record<Names, Reference>;

interface Header {
  start: number | null;
  depth: number | null;
  expanded: string[];
  focus: string | null;
  run: Run;
  leaves: {
    name: number;
    kind: number;
    spec: number;
    requiresGrad: boolean;
    optimizers: number[];
    value: number;
    place: number;
    process: number;
  }[];
  leafOrder: Reference;
  optimizers: [id: number, type: number, name: number, place: number, count: number][];
  passes: PassTable[];
  events: {
    kind: number;
    pass: number;
    leaves: Reference;
    place: number;
    toNone: boolean | null;
    call: number;
    count: number;
  }[];
  findings: {
    rule: number;
    severity: number;
    message: number;
    place: number;
    related: [number, number][];
    help: number;
    leaves: number[];
    passes: number[];
  }[];
  stats: Table<"spec" | "numel" | "norm" | "min" | "max" | "mean" | "nan" | "inf" | "zero" | "value">;
  places: Table<"file" | "line" | "column" | "endLine" | "endColumn" | "function" | "text">;
  formulas: [type: number, forward: number, backward: number, gradients: [number, number][]][];
  themes: { light: Theme; dark: Theme };
  texts: string[];
}

interface PassTable {
  index: number;
  count: number;
  call: number;
  place: number;
  roots: [node: number, name: number, value: number, gradient: number][];
  retain: boolean;
  create: boolean;
  recorded: number;
  error: [type: number, message: number, node: number] | null;
  parent: number | null;
  thread: number;
  process: number;
  accumulations: Table<"leaf" | "before" | "added" | "after" | "effect">;
  graph: GraphTables | null;
  cuts: [node: number, call: number, source: number, told: number, place: number, leaves: number[]][];
  constants: [node: number, name: number, spec: number, value: number][];
  regions: RegionTable[];
}

type RegionTable = [
  node: number,
  values: number,
  reason: number,
  isSeen: boolean,
  breaks: [place: number, reason: number][],
  ops: [name: number, spec: number, place: number, result: number][],
];

export interface Run {
  target: string;
  argv: string[];
  python: string;
  torch: string;
  gradtrace: string;
  device: string;
  seed: number | null;
  status: number | null;
  complete: boolean;
  facts: boolean;
  expression: string | null;
  processes: number;
  notes: string[];
  observations: [kind: string, count: number, text: string][];
  error: [type: string, message: string, places: number[]] | null;
}

export interface Leaf {
  id: number;
  name: string;
  kind: string;
  spec: string;
  requiresGrad: boolean;
  optimizers: number[];
  value: string | null;
  place: number;
  process: number;
}

export interface Event {
  kind: string;
  pass: number;
  leaves: Integers;
  place: number;
  toNone: boolean | null;
  call: string;
  count: number;
}

export interface Finding {
  rule: string;
  severity: string;
  message: string;
  place: number;
  related: { place: number; message: string }[];
  help: string;
  leaves: number[];
  passes: number[];
}

export interface Accumulation {
  leaf: number;
  before: number;
  added: number;
  after: number;
  effect: string;
  /** Whether the numbers are known; of a pass in the ledger alone often only the effect is. */
  isMeasured: boolean;
}

/** A value that left the graph and came back as a constant: `call` made it of `source`, `node` took it in. */
export interface Cut {
  node: number;
  call: string;
  source: string | null;
  told: string;
  place: number;
  leaves: number[];
}

/** What took part in the pass without a gradient of its own: an input, a target, a plain number. */
export interface Constant {
  node: number;
  name: string;
  spec: string;
  value: string | null;
}

/** What torch.compile made of a part of the program, and its backward graph if that was seen. */
export interface Region {
  values: string;
  /** Why not all that is inside was recomputed. */
  reason: string | null;
  isSeen: boolean;
  breaks: { place: number; reason: string }[];
  ops: { name: string; spec: string; place: number; result: number }[];
}

export interface Place {
  file: string;
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
  function: string;
  text: string;
}

/** The derivative of an op, in words and for each input. */
export interface Formula {
  forward: string;
  backward: string;
  gradients: { input: string; maths: string }[];
}

/** What was measured of one tensor; null is "not measured". */
export interface Stats {
  spec: string;
  numel: number;
  norm: number | null;
  min: number | null;
  max: number | null;
  mean: number | null;
  nan: number | null;
  inf: number | null;
  zero: number | null;
  value: string | null;
}

export interface Pass {
  position: number;
  index: number;
  count: number;
  call: string;
  place: number;
  roots: { node: number; name: string | null; value: number; gradient: number }[];
  retain: boolean;
  create: boolean;
  recorded: string;
  error: { type: string; message: string; node: number } | null;
  parent: number | null;
  thread: number;
  process: number;
  accumulations: Accumulation[];
  byLeaf: Map<number, Accumulation>;
  cuts: Cut[];
  constants: Constant[];
  /** By node. */
  regions: Map<number, Region>;
  graph(): PassGraph | null;
}

/** How many passes ran; a graph that was never run backward is none. */
export function countPasses(trace: Trace): number {
  return trace.passes.reduce((sum, pass) => sum + (pass.call === "none" ? 0 : pass.count), 0);
}

export class Trace {
  readonly run: Run;
  /** Index of the pass that was asked for. */
  readonly start: number | null;
  /** To which depth modules are open at first, null for as far as there is room, and those that are open with all in them. */
  readonly depth: number | null;
  readonly expanded: string[];
  /** The name to which everything here was narrowed. */
  readonly focus: string | null;
  readonly leaves: Leaf[];
  /** The same in the order of lists and tables: by module and name. */
  readonly listed: Leaf[];
  readonly optimizers: { id: number; type: string; name: string | null; place: number; count: number }[];
  readonly passes: Pass[];
  readonly events: Event[];
  readonly findings: Finding[];
  readonly formulas: Map<string, Formula>;
  readonly themes: { light: Theme; dark: Theme };
  /** 2-norm of every measurement, NaN where unknown. */
  readonly norms: Float32Array | Float64Array;
  private readonly header: Header;
  private readonly stats: Record<keyof Header["stats"], Integers | Floats>;
  private readonly places: Record<keyof Header["places"], Integers>;

  static async read(base64: string): Promise<Trace> {
    return new Trace(await unpack<Header>(base64));
  }

  private constructor(container: Container<Header>) {
    const header = (this.header = container.header);
    const text = (i: number) => header.texts[i];
    const maybe = (i: number) => (i < 0 ? null : header.texts[i]);
    this.start = header.start;
    this.depth = header.depth;
    this.expanded = header.expanded;
    this.focus = header.focus;
    this.run = header.run;
    this.themes = header.themes;
    this.leaves = header.leaves.map((leaf, id) => ({
      ...leaf,
      id,
      name: text(leaf.name),
      kind: text(leaf.kind),
      spec: maybe(leaf.spec) ?? "",
      value: maybe(leaf.value),
    }));
    this.listed = Array.from(container.integers(header.leafOrder), (id) => this.leaves[id]);
    this.optimizers = header.optimizers.map(([id, type, name, place, count]) => ({
      id,
      type: text(type),
      name: maybe(name),
      place,
      count,
    }));
    this.passes = header.passes.map((pass, position) => this.pass(container, pass, position));
    this.events = header.events.map((event) => ({
      ...event,
      kind: text(event.kind),
      leaves: container.integers(event.leaves),
      call: text(event.call),
    }));
    this.findings = header.findings.map((finding) => ({
      ...finding,
      rule: text(finding.rule),
      severity: text(finding.severity),
      message: text(finding.message),
      help: text(finding.help),
      related: finding.related.map(([place, message]) => ({ place, message: text(message) })),
    }));
    this.formulas = new Map(
      header.formulas.map(([type, forward, backward, gradients]) => [
        text(type),
        {
          forward: text(forward),
          backward: text(backward),
          gradients: gradients.map(([input, maths]) => ({ input: text(input), maths: text(maths) })),
        },
      ]),
    );
    const table = <T>(columns: Record<string, Reference>, read: (name: string, reference: Reference) => T) =>
      Object.fromEntries(Object.entries(columns).map(([name, reference]) => [name, read(name, reference)]));
    const isFloat = (name: string) => ["norm", "min", "max", "mean"].includes(name);
    this.stats = table(header.stats, (name, reference) =>
      isFloat(name) ? container.floats(reference) : container.integers(reference),
    ) as typeof this.stats;
    this.places = table(header.places, (_, reference) => container.integers(reference)) as typeof this.places;
    this.norms = (this.stats.norm as Floats).values;
  }

  text(i: number): string | null {
    return i < 0 ? null : this.header.texts[i];
  }

  place(i: number): Place | null {
    if (i < 0) return null;
    const of = this.places;
    const texts = this.header.texts;
    return {
      file: texts[of.file[i]],
      line: of.line[i],
      column: of.column[i],
      endLine: of.endLine[i],
      endColumn: of.endColumn[i],
      function: texts[of.function[i]],
      text: texts[of.text[i]],
    };
  }

  measured(i: number): Stats | null {
    if (i < 0) return null;
    const count = (name: "nan" | "inf" | "zero") => {
      const n = (this.stats[name] as Integers)[i];
      return n < 0 ? null : n;
    };
    const float = (name: "norm" | "min" | "max" | "mean") => {
      const column = this.stats[name] as Floats;
      return column.has(i) ? column.values[i] : null;
    };
    return {
      spec: this.text((this.stats.spec as Integers)[i]) ?? "",
      numel: (this.stats.numel as Integers)[i],
      norm: float("norm"),
      min: float("min"),
      max: float("max"),
      mean: float("mean"),
      nan: count("nan"),
      inf: count("inf"),
      zero: count("zero"),
      value: this.text((this.stats.value as Integers)[i]),
    };
  }

  /** Whether anything in the tensor is NaN or Inf, as far as it was measured. */
  isBad(i: number): boolean {
    if (i < 0) return false;
    const norm = this.stats.norm as Floats;
    return (
      (this.stats.nan as Integers)[i] > 0 ||
      (this.stats.inf as Integers)[i] > 0 ||
      (norm.has(i) && !Number.isFinite(norm.values[i]))
    );
  }

  private pass(container: Container<Header>, table: PassTable, position: number): Pass {
    const text = (i: number) => this.header.texts[i];
    const rows = Object.entries(table.accumulations).map(
      ([name, reference]) => [name, container.integers(reference)] as const,
    );
    const columns = Object.fromEntries(rows) as Record<keyof PassTable["accumulations"], Integers>;
    const isWhole = text(table.recorded) === "full";
    const accumulations = Array.from(columns.leaf, (leaf, i) => {
      const effect = text(columns.effect[i]);
      const isMeasured = isWhole || columns.added[i] >= 0 || effect === "unchanged";
      return { leaf, before: columns.before[i], added: columns.added[i], after: columns.after[i], effect, isMeasured };
    });
    let graph: PassGraph | null | undefined;
    return {
      ...table,
      position,
      accumulations,
      byLeaf: new Map(accumulations.map((row) => [row.leaf, row])),
      cuts: table.cuts.map(([node, call, source, told, place, leaves]) => ({
        node,
        call: text(call),
        source: this.text(source),
        told: text(told),
        place,
        leaves,
      })),
      constants: table.constants.map(([node, name, spec, value]) => ({
        node,
        name: this.text(name) ?? "constant",
        spec: this.text(spec) ?? "",
        value: this.text(value),
      })),
      regions: new Map(
        table.regions.map(([node, values, reason, isSeen, breaks, ops]) => [
          node,
          {
            values: text(values),
            reason: this.text(reason),
            isSeen,
            breaks: breaks.map(([place, why]) => ({ place, reason: text(why) })),
            ops: ops.map(([name, spec, place, result]) => ({ name: text(name), spec: text(spec), place, result })),
          },
        ]),
      ),
      call: text(table.call),
      recorded: text(table.recorded),
      roots: table.roots.map(([node, name, value, gradient]) => ({ node, name: this.text(name), value, gradient })),
      error: table.error && { type: text(table.error[0]), message: text(table.error[1]), node: table.error[2] },
      graph: () => (graph === undefined ? (graph = table.graph && new PassGraph(this, container, table.graph)) : graph),
    };
  }
}
