// Starts the page: reads the data, makes the parts and joins them.

import { read, written } from "./address";
import { App } from "./app";
import { byId, el } from "./dom";
import { fillHelp, showLegend } from "./legend";
import { Links } from "./links";
import { Panel } from "./panel";
import { Picture } from "./picture";
import { Search } from "./search";
import { Tables } from "./tables";
import { Trace } from "./trace";
import { Transport } from "./transport";

async function start(): Promise<void> {
  const trace = await Trace.read(chosenData());
  const app = new App(trace);
  const title = trace.run.expression ?? trace.run.target;
  byId("title").textContent = trace.run.expression ?? title.split(/[\\/]/).pop() ?? title;
  byId("title").title = title.slice(0, 300);
  const picture = new Picture(app);
  const transport = new Transport(app, picture);
  const panel = new Panel(app);
  const tables = new Tables(app);
  const search = new Search(app, () => {
    tables.show(false);
    picture.focus();
    picture.zoomToSelection();
  });
  const links = new Links(app, tables);
  const show = (isTables: boolean) => {
    tables.show(isTables);
    links.write();
  };
  byId("show-graph").addEventListener("click", () => show(false));
  byId("show-tables").addEventListener("click", () => show(true));
  bindTheme(app);
  bindHelp(app);
  bindKeys(transport, search, () => show(!tables.isShown));
  app.listen((change) => {
    if (change === "pass" || change === "theme") showLegend(app);
    if (change === "pass") showNothing(app);
  });
  links.follow();
  links.listen();
  if (!app.pass) {
    showNothing(app);
    panel.show("run");
  }
  // The first frame takes the sizes, the second has painted with them.
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      document.documentElement.dataset.ready = performance.now().toFixed(0);
    }),
  );
}

/** The data of the rank that the address names, else the first; all of them are taken out of the page. */
function chosenData(): string {
  const all = [...document.querySelectorAll<HTMLElement>("script.data")];
  const wanted = read(location.hash).rank;
  const chosen = all.find((one) => one.dataset.rank === wanted) ?? all[0];
  if (all.length > 1)
    offerRanks(
      all.map((one) => one.dataset.rank ?? "").sort((a, b) => Number(a) - Number(b)),
      chosen.dataset.rank,
    );
  const text = chosen.textContent ?? "";
  for (const one of all) one.remove();
  return text;
}

/** Another rank is another run: the page begins anew with it. */
function offerRanks(ranks: string[], chosen: string | undefined): void {
  const select = byId<HTMLSelectElement>("rank");
  for (const rank of ranks) select.append(el("option", { value: rank, selected: rank === chosen }, `rank ${rank}`));
  select.hidden = false;
  select.addEventListener("change", () => {
    const address = read(location.hash);
    location.hash = written({ ...address, rank: select.value, chosen: null, time: null });
    location.reload();
  });
}

function showNothing(app: App): void {
  const text = app.pass
    ? "This pass was recorded in the ledger only: it has no graph.\nThe leaves stand at the right, and in the tables."
    : `No backward pass was recorded.\n${app.trace.run.notes.join("\n")}`;
  byId("nothing").textContent = text;
  byId("nothing").hidden = app.scene !== null;
}

function bindTheme(app: App): void {
  const root = document.documentElement;
  const apply = () => {
    root.toggleAttribute("data-dark", app.isDark);
    app.tell("theme");
  };
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = app.isDark ? "light" : "dark";
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  apply();
}

function bindHelp(app: App): void {
  byId("help-open").addEventListener("click", () => openHelp(app));
  addEventListener("keydown", (event) => {
    if (event.key === "?" && !isTyping(event)) openHelp(app);
  });
}

function openHelp(app: App): void {
  const help = byId<HTMLDialogElement>("help");
  fillHelp(app);
  if (!help.open) help.showModal();
}

function bindKeys(transport: Transport, search: Search, toggleTables: () => void): void {
  const actions: Record<string, () => void> = {
    " ": () => transport.toggle(),
    ",": () => transport.step(-1),
    ".": () => transport.step(1),
    Home: () => transport.goTo(0),
    End: () => transport.goTo(Infinity),
    "[": () => transport.pass(-1),
    "]": () => transport.pass(1),
    "/": () => search.focus(),
    t: toggleTables,
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || byId<HTMLDialogElement>("help").open)
      return;
    if (event.key === " " && event.target instanceof HTMLButtonElement) return;
    const action = Object.hasOwn(actions, event.key) ? actions[event.key] : undefined;
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function isTyping(event: KeyboardEvent): boolean {
  return event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
}

start().catch((error: unknown) => {
  byId("nothing").hidden = false;
  byId("nothing").textContent = `This page cannot be shown: ${String(error)}\nIt needs a browser of 2023 or later.`;
});
