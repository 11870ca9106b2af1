// The same facts as tables, for screen readers and for copying.

import type { App } from "./app";
import { byId, el } from "./dom";
import { brief, count } from "./numbers";
import { placeText } from "./source";
import { eventText } from "./timeline";

const PAGE = 200;

type Cell = string | Node;

export class Tables {
  private readonly area = byId("tables");
  isShown = false;

  constructor(private readonly app: App) {
    app.listen((change) => {
      if (change === "pass" && this.isShown) this.fill();
    });
  }

  show(isShown: boolean): void {
    this.isShown = isShown;
    this.area.hidden = !isShown;
    byId("picture").hidden = isShown;
    byId("show-graph").setAttribute("aria-pressed", String(!isShown));
    byId("show-tables").setAttribute("aria-pressed", String(isShown));
    if (isShown) this.fill();
  }

  private fill(): void {
    const { trace, pass, graph } = this.app;
    const parts: (Node | null)[] = [];
    if (pass) {
      const leaves = trace.listed.filter(({ id }) => pass.byLeaf.has(id));
      parts.push(
        paged(
          `Leaves in pass ${pass.index}`,
          "What the pass did to .grad of each leaf",
          ["Leaf", "Shape", ".grad before", "This pass adds", ".grad after", "Effect"],
          leaves.length,
          (i) => {
            const leaf = leaves[i];
            const row = pass.byLeaf.get(leaf.id)!;
            const text = (stats: number) => (row.isMeasured ? brief(trace.measured(stats), "g", 60) : "not measured");
            return [
              this.link(leaf.name, () => this.app.select({ kind: "leaf", ref: leaf.id })),
              leaf.spec,
              text(row.before),
              text(row.added),
              text(row.after),
              row.effect,
            ];
          },
        ),
      );
    }
    if (graph && pass) {
      const rows = graph.inOrder;
      parts.push(
        paged(
          `Nodes of pass ${pass.index}`,
          "In the order of the forward pass; the step is the order of the backward pass",
          ["Node", "Module", "Source", "Shape", "Step", "Gradient that arrived", "Sent"],
          rows.length,
          (i) => this.nodeRow(rows[i]),
        ),
      );
    }
    if (pass && graph) {
      parts.push(
        paged(
          `Cuts in pass ${pass.index}`,
          "Where values left the graph and came back as constants",
          ["Cut", "What happened", "Taken in by", "No gradient this way to"],
          pass.cuts.length,
          (i) => {
            const one = pass.cuts[i];
            const names = one.leaves.slice(0, 12).map((leaf) => trace.leaves[leaf].name.slice(0, 120));
            return [
              this.link(`${one.call}${one.source ? ` of ${one.source}` : ""}`, () =>
                this.app.select({ kind: "cut", ref: i }),
              ),
              one.told,
              graph.title(one.node),
              names.join(", ") + (one.leaves.length > 12 ? ", …" : ""),
            ];
          },
        ),
      );
    }
    parts.push(
      paged(
        "Events",
        "What happened between and around the passes",
        ["When", "What", "Where", "Leaves"],
        trace.events.length,
        (i) => {
          const event = trace.events[i];
          const place = trace.place(event.place);
          return [
            event.kind === "backward"
              ? `pass ${event.pass}`
              : event.pass
                ? `after pass ${event.pass}`
                : "before the first pass",
            eventText(event),
            place ? placeText(place) : "",
            String(event.leaves.length),
          ];
        },
      ),
    );
    parts.push(
      paged("Findings", "", ["Severity", "Rule", "Message", "Where", "Help"], trace.findings.length, (i) => {
        const finding = trace.findings[i];
        const place = trace.place(finding.place);
        return [finding.severity, finding.rule, finding.message, place ? placeText(place) : "", finding.help];
      }),
    );
    this.area.replaceChildren(
      el("p", { class: "quiet" }, "The facts of the picture as tables. The pass is chosen in the bar below."),
      ...parts.filter((part) => part !== null),
    );
  }

  private nodeRow(node: number): Cell[] {
    const { trace, graph } = this.app;
    const { nodes, edges } = graph!;
    const place = trace.place(nodes.place[node]);
    const step = nodes.order[node];
    const received = trace.measured(graph!.received(node));
    const sent = [...graph!.rows(graph!.sends, node)].slice(0, 12).map((edge) => {
      const what = trace.measured(edges.sent[edge]);
      return `${what ? brief(what) : "nothing"} to ${graph!.title(edges.target[edge]).slice(0, 80)}`;
    });
    return [
      this.link(graph!.title(node), () => this.app.select({ kind: "node", ref: node })),
      trace.text(nodes.module[node]) ?? "",
      place ? placeText(place) : "",
      graph!.spec(node),
      step < 0 ? "not run" : String(step + 1),
      received ? brief(received) : "none",
      sent.join("; "),
    ];
  }

  private link(text: string, click: () => void): HTMLElement {
    return el("button", { type: "button", class: "link", click }, text.slice(0, 120));
  }
}

function paged(
  title: string,
  caption: string,
  heads: string[],
  n: number,
  row: (i: number) => Cell[],
): HTMLElement | null {
  if (!n) return null;
  const body = el("tbody");
  const where = el("span", { class: "quiet", role: "status" });
  let page = 0;
  const pages = Math.ceil(n / PAGE);
  const fill = () => {
    const rows = Array.from({ length: Math.min(PAGE, n - page * PAGE) }, (_, k) => row(page * PAGE + k));
    body.replaceChildren(
      ...rows.map(([head, ...cells]) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, head),
          cells.map((cell) => el("td", {}, cell)),
        ),
      ),
    );
    where.textContent = `${page * PAGE + 1} to ${Math.min(n, (page + 1) * PAGE)} of ${n.toLocaleString("en-US")}`;
  };
  const turn = (by: number) => () => {
    page = Math.max(0, Math.min(pages - 1, page + by));
    fill();
  };
  fill();
  return el(
    "section",
    { "aria-label": title },
    el("h2", {}, title),
    el(
      "table",
      {},
      caption ? el("caption", {}, `${caption} (${count(n, "row")})`) : null,
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          heads.map((head) => el("th", { scope: "col" }, head)),
        ),
      ),
      body,
    ),
    pages > 1
      ? el(
          "div",
          { class: "pager" },
          el("button", { type: "button", click: turn(-1) }, "Previous"),
          where,
          el("button", { type: "button", click: turn(1) }, "Next"),
        )
      : null,
  );
}
