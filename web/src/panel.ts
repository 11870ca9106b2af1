// The side panel: the selected node, leaf or box, the list of leaves, the findings, the run.

import type { App } from "./app";
import { Details } from "./details";
import { boxDetails } from "./details_box";
import { cutDetails } from "./details_cut";
import { leafDetails } from "./details_leaf";
import { nodeDetails } from "./details_node";
import { rootLines, runDetails } from "./details_run";
import { byId, el } from "./dom";
import { count } from "./numbers";
import type { Content } from "./parts";
import { runChart } from "./run_chart";
import { countPasses } from "./trace";

type Tab = "selected" | "leaves" | "findings" | "run";

const TABS: Tab[] = ["selected", "leaves", "findings", "run"];
const LEAVES_SHOWN = 200;
/** With fewer leaves there is nothing to filter. */
const FILTERED = 8;

export class Panel {
  private readonly panel = byId("panel");
  private tab: Tab = "run";
  private filter = "";
  private readonly details: Details;
  private leavesShown = LEAVES_SHOWN;

  constructor(private readonly app: App) {
    this.details = new Details(app);
    for (const tab of TABS) {
      const button = byId(`tab-${tab}`);
      button.addEventListener("click", () => this.show(tab));
      button.addEventListener("keydown", (event) => {
        const move = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
        if (!move) return;
        const next = TABS[(TABS.indexOf(tab) + move + TABS.length) % TABS.length];
        this.show(next);
        byId(`tab-${next}`).focus();
      });
    }
    const n = app.trace.findings.length;
    byId("tab-findings").textContent = n ? `Findings (${n})` : "Findings";
    app.listen((change) => {
      if (change === "selection" && app.selection) this.show("selected");
      else if (change === "selection" || change === "pass" || change === "theme") this.show(this.tab);
    });
    this.show(app.trace.run.error ? (n ? "findings" : "run") : "leaves");
  }

  show(tab: Tab): void {
    const isSame = tab === this.tab;
    const top = this.panel.scrollTop;
    this.tab = tab;
    for (const other of TABS) {
      const button = byId(`tab-${other}`);
      button.setAttribute("aria-selected", String(other === tab));
      button.tabIndex = other === tab ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", `tab-${tab}`);
    const content = {
      selected: () => this.selected(),
      leaves: () => this.leaves(),
      findings: () => this.findings(),
      run: () => runDetails(this.details),
    }[tab]();
    this.panel.replaceChildren(...content.filter((part): part is Node | string => Boolean(part)));
    this.panel.scrollTop = isSame && tab !== "selected" ? top : 0;
  }

  private selected(): Content[] {
    const { selection } = this.app;
    if (!selection)
      return [
        el(
          "p",
          { class: "quiet" },
          "Choose a node, a leaf or a module in the picture, or search for one. Here stand its source line, shapes, what arrived and what it sent.",
        ),
      ];
    if (selection.kind === "leaf") return leafDetails(this.details, selection.ref);
    if (!this.app.graph)
      return [el("p", { class: "quiet" }, "This pass was recorded in the ledger only: it has no graph.")];
    const told = { box: boxDetails, node: nodeDetails, cut: cutDetails }[selection.kind];
    return told(this.details, selection.ref);
  }

  private leaves(): Content[] {
    const { trace } = this.app;
    if (!trace.leaves.length) return [el("p", { class: "quiet" }, "The run has no leaves.")];
    const list = el("div", {});
    const top = this.leavesTop();
    const fill = () => {
      const wanted = this.filter.toLowerCase();
      const found = trace.listed.filter((leaf) => leaf.name.toLowerCase().includes(wanted));
      list.replaceChildren(
        el(
          "p",
          { class: "quiet" },
          count(found.length, "leaf", "leaves") + (countPasses(trace) ? "; the bars are what each pass added" : ""),
        ),
        ...found.slice(0, this.leavesShown).map((leaf) => this.details.leafRow(leaf.id)),
        found.length > this.leavesShown
          ? el(
              "button",
              {
                type: "button",
                click: () => {
                  this.leavesShown *= 4;
                  fill();
                },
              },
              `Show more of ${found.length.toLocaleString("en-US")}`,
            )
          : "",
      );
    };
    const input = el("input", {
      class: "filter",
      type: "search",
      placeholder: "Filter by name",
      "aria-label": "Filter leaves by name",
    });
    input.value = this.filter;
    input.addEventListener("input", () => {
      this.filter = input.value;
      fill();
    });
    fill();
    return [...top, ...(trace.leaves.length > FILTERED ? [input] : []), list];
  }

  /** Above the list: what the pass is, the run so far, and that there are findings. */
  private leavesTop(): Content[] {
    const { trace, pass } = this.app;
    const n = trace.findings.length;
    const parts: Content[] = [];
    if (n)
      parts.push(
        el(
          "p",
          {},
          el(
            "button",
            { type: "button", class: "link", click: () => this.show("findings") },
            `${count(n, "finding")}: ${trace.findings[0].message.slice(0, 160)}`,
          ),
        ),
      );
    if (trace.focus !== null)
      parts.push(el("p", { class: "words" }, `Only what leads to ${trace.focus} is on this page (--focus).`));
    if (pass) parts.push(...rootLines(this.details), runChart(trace, pass));
    return parts;
  }

  private findings(): Content[] {
    const { findings, run } = this.app.trace;
    if (!findings.length && !run.facts)
      return [
        el(
          "p",
          { class: "quiet" },
          "This recording holds no facts for a diagnosis: nothing was looked for. gradtrace record --facts makes one that does.",
        ),
      ];
    if (!findings.length)
      return [
        el(
          "p",
          { class: "quiet" },
          "Nothing was found: no rule of gradtrace check has anything to say about this run.",
        ),
      ];
    return findings.map((finding) => this.details.finding(finding, true));
  }
}
