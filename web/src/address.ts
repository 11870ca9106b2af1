// The part of the address behind `#`: `pass=2&node=17&time=3` is a place in the run.

const KINDS = ["node", "leaf", "box", "cut"] as const;

/** A place in the run; what is null is not said. */
export interface Address {
  pass: number | null;
  /** What is chosen, by number; a leaf by its name too. */
  chosen: { kind: (typeof KINDS)[number]; ref: string } | null;
  time: number | null;
  isTables: boolean | null;
  /** Of a program of several ranks, whose part is shown. */
  rank: string | null;
}

export function read(hash: string): Address {
  const wanted = new URLSearchParams(hash.replace(/^#/, ""));
  const number = (name: string) => {
    const text = wanted.get(name);
    return text === null || text.trim() === "" || Number.isNaN(Number(text)) ? null : Number(text);
  };
  const kind = KINDS.findLast((one) => wanted.get(one) !== null);
  const view = wanted.get("view");
  return {
    pass: number("pass"),
    chosen: kind ? { kind, ref: wanted.get(kind)! } : null,
    time: wanted.has("time") ? (number("time") ?? 0) : null,
    isTables: view ? view === "tables" : null,
    rank: wanted.get("rank"),
  };
}

export function written({ pass, chosen, time, isTables, rank }: Address): string {
  const parts = new URLSearchParams();
  if (rank !== null) parts.set("rank", rank);
  if (pass !== null) parts.set("pass", String(pass));
  if (chosen) parts.set(chosen.kind, chosen.ref);
  if (time !== null) parts.set("time", String(time));
  if (isTables) parts.set("view", "tables");
  return parts.toString();
}
