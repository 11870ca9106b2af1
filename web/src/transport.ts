// The bar below: the passes of the run with what happened between them, and the playback of one pass.

import type { App } from "./app";
import { byId, el } from "./dom";
import { brief, count } from "./numbers";
import { announce, type Picture } from "./picture";
import { placeText } from "./source";
import { eventText } from "./timeline";
import { countPasses, type Event } from "./trace";

/** Steps in a second at normal speed, and the longest that a pass may take. */
const PACE = 1.1;
const LONGEST = 25;
/** More passes than this are shown as a window around the current one. */
const PASSES_SHOWN = 120;

const GLYPHS: Record<string, string> = {
  zero_grad: "∅ zero_grad",
  grad_cleared: "∅ cleared",
  grad_modified: "± changed",
  step: "⇢ step",
};

export class Transport {
  private readonly slider = byId<HTMLInputElement>("time");
  private readonly play = byId<HTMLButtonElement>("play");
  private last = 0;
  private clock = 0;

  constructor(
    private readonly app: App,
    private readonly picture: Picture,
  ) {
    this.slider.addEventListener("input", () => {
      this.pause();
      app.setTime(Number(this.slider.value));
    });
    this.play.addEventListener("click", () => this.toggle());
    byId("to-start").addEventListener("click", () => this.goTo(0));
    byId("to-end").addEventListener("click", () => this.goTo(Infinity));
    byId("step-back").addEventListener("click", () => this.step(-1));
    byId("step-on").addEventListener("click", () => this.step(1));
    app.listen((change) => {
      if (change === "pass") this.showPasses();
      if (change === "pass" || change === "time") this.showTime();
    });
  }

  toggle(): void {
    if (this.app.isPlaying) this.pause();
    else this.start();
  }

  step(by: number): void {
    this.pause();
    this.app.setTime((by > 0 ? Math.floor(this.app.time) : Math.ceil(this.app.time)) + by);
    announce(byId("moment").textContent ?? "");
  }

  goTo(time: number): void {
    this.pause();
    this.app.setTime(time);
  }

  pass(by: number): void {
    const { pass } = this.app;
    if (pass) this.app.showPass(pass.position + by);
  }

  private start(): void {
    const { app } = this;
    if (!app.pass || !app.timeline.end(app.pass)) return;
    if (app.time >= app.timeline.end(app.pass) || app.time === app.timeline.steps(app.pass)) app.setTime(0);
    app.isPlaying = true;
    this.clock = app.time;
    this.showPlaying();
    this.last = performance.now();
    requestAnimationFrame((now) => this.tick(now));
  }

  private pause(): void {
    if (!this.app.isPlaying) return;
    this.app.isPlaying = false;
    this.app.setTime(Math.floor(this.app.time));
    this.showPlaying();
  }

  private tick(now: number): void {
    const { app } = this;
    if (!app.isPlaying || !app.pass) return;
    const steps = app.timeline.steps(app.pass);
    const speed = Number(byId<HTMLSelectElement>("speed").value);
    const pace = (app.time < steps ? Math.max(PACE, steps / LONGEST) : PACE) * speed;
    const next = this.clock + (Math.min(200, Math.max(0, now - this.last)) / 1000) * pace;
    this.last = now;
    const end = app.timeline.end(app.pass);
    this.clock = next;
    app.setTime(matchMedia("(prefers-reduced-motion: reduce)").matches ? Math.floor(next) : next);
    if (next >= end) {
      const following = app.trace.passes[app.pass.position + 1];
      if (!following?.graph()) {
        this.pause();
        return;
      }
      this.clock = 0;
      app.showPass(following.position, 0);
    }
    this.picture.follow();
    requestAnimationFrame((later) => this.tick(later));
  }

  private showPlaying(): void {
    const { isPlaying } = this.app;
    document.documentElement.toggleAttribute("data-playing", isPlaying);
    this.play.setAttribute("aria-label", isPlaying ? "Pause" : "Play the backward pass");
  }

  private showPasses(): void {
    const { app } = this;
    const { passes } = app.trace;
    const at = app.pass?.position ?? 0;
    const from = passes.length > PASSES_SHOWN ? Math.max(0, at - PASSES_SHOWN / 2) : 0;
    const isParallel = app.trace.run.processes > 1;
    const shown = passes.slice(from, from + PASSES_SHOWN);
    const bar = byId("passes");
    const children: Node[] = [];
    if (from)
      children.push(
        el("button", { type: "button", click: () => app.showPass(Math.max(0, from - 1)) }, `… ${from} before`),
      );
    else children.push(...this.events(app.timeline.before, -1));
    for (const pass of shown) {
      const isNow = pass === app.pass;
      const text =
        pass.call === "none"
          ? `graph ${pass.index}`
          : pass.count > 1
            ? `passes ${pass.index}-${pass.index + pass.count - 1}`
            : `${isNow ? "pass " : ""}${pass.index}`;
      children.push(
        el(
          "button",
          {
            type: "button",
            "aria-current": isNow ? "true" : null,
            class: pass.graph() || pass.recorded === "full" ? "" : "ledger",
            "aria-label": `pass ${pass.index}`,
            title: `${pass.call}${pass.error ? ` failed: ${pass.error.type}` : ""}`,
            click: () => app.showPass(pass.position),
          },
          `${text}${isParallel ? ` · process ${pass.process}` : ""}${pass.error ? " ✕" : ""}`,
        ),
        ...this.events(app.timeline.events(pass), pass.position),
      );
    }
    const rest = passes.length - from - shown.length;
    if (rest > 0)
      children.push(el("button", { type: "button", click: () => app.showPass(from + PASSES_SHOWN) }, `${rest} more …`));
    bar.replaceChildren(...children);
    // When the legend beside it has taken its room.
    requestAnimationFrame(() => {
      const now = bar.querySelector("[aria-current]")?.getBoundingClientRect();
      const all = bar.getBoundingClientRect();
      // scrollIntoView would scroll what is around the page, too: in a notebook it stands in a frame.
      if (now) bar.scrollLeft += now.left + now.width / 2 - (all.left + all.width / 2);
    });
    byId("subtitle").textContent = [
      count(countPasses(app.trace), "pass", "passes"),
      count(app.trace.leaves.length, "leaf", "leaves"),
      app.graph ? count(app.graph.nNodes, "node") : "",
      app.trace.focus === null ? "" : `only what leads to ${app.trace.focus.slice(0, 60)}`,
      `torch ${app.trace.run.torch}`,
      app.trace.run.device,
    ]
      .filter(Boolean)
      .join(" · ");
    this.slider.max = String(app.pass ? app.timeline.end(app.pass) : 0);
    this.slider.disabled = this.play.disabled = !app.pass || !app.timeline.end(app.pass);
  }

  /** Glyphs for what happened between two passes; equal neighbours are drawn once. */
  private events(events: Event[], position: number): HTMLElement[] {
    const shown: HTMLElement[] = [];
    events.forEach((event, i) => {
      const place = this.app.trace.place(event.place);
      shown.push(
        el(
          "span",
          {
            class: "event",
            "data-event": `${position}:${i}`,
            title: `${eventText(event)}${place ? `, ${placeText(place)}` : ""}`,
          },
          GLYPHS[event.kind] ?? event.kind,
        ),
      );
    });
    return shown.length > 6 ? [...shown.slice(0, 5), el("span", { class: "event" }, `+${shown.length - 5}`)] : shown;
  }

  private showTime(): void {
    const { app } = this;
    if (!app.pass) return;
    this.slider.value = String(Math.floor(app.time));
    const text = this.describe();
    byId("moment").textContent = text;
    byId("moment").title = text;
    this.slider.setAttribute("aria-valuetext", text);
    const done = Math.floor(app.time - app.timeline.steps(app.pass));
    for (const mark of document.querySelectorAll<HTMLElement>("#passes .event")) {
      mark.classList.toggle("now", done > 0 && mark.dataset.event === `${app.pass.position}:${done - 1}`);
    }
  }

  private describe(): string {
    const { app } = this;
    const { trace, graph, pass, time } = app;
    const steps = app.timeline.steps(pass!);
    const step = Math.floor(time);
    if (!graph || step > steps || (step === steps && !app.isPlaying) || !steps) {
      const event = app.timeline.events(pass!)[step - steps - 1];
      if (event && step > steps) return eventText(event);
      return !graph
        ? "This pass was recorded in the ledger only."
        : pass!.call === "none"
          ? "This graph was never run backward."
          : pass!.error
            ? `The pass failed: ${pass!.error.type}`
            : `The pass is over: ${count(steps, "step")}. Space plays it.`;
    }
    const node = graph.ranAt[step];
    if (node === undefined || node < 0) return `Step ${step + 1} of ${steps}`;
    const { edges, nodes } = graph;
    const received = brief(trace.measured(graph.received(node)));
    const where = trace.place(nodes.place[node]);
    const head = `Step ${step + 1} of ${steps}: ${graph.title(node)}${where ? ` (${placeText(where)})` : ""}`;
    if (graph.isLeaf(node)) {
      const row = pass!.byLeaf.get(nodes.leaf[node]);
      return `${head} gets ${received}${row ? `: .grad ${brief(trace.measured(row.before))} → ${brief(trace.measured(row.after))}` : ""}`;
    }
    const sent = [...graph.rows(graph.sends, node)].filter((edge) => edges.sent[edge] >= 0);
    const parts = sent
      .slice(0, 4)
      .map((edge) => `${brief(trace.measured(edges.sent[edge]))} to ${graph.title(edges.target[edge])}`);
    return `${head} has ${received}${parts.length ? `, sends ${parts.join(", ")}` : ""}${sent.length > 4 ? ", …" : ""}`;
  }
}
