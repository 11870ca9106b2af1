// The canvas: zoom, pan, choosing with the pointer and with keys.

import type { App } from "./app";
import { type Camera, closeUp, isInSight, opening, READABLE_ZOOM, whole, zoomed } from "./camera";
import { byId, el } from "./dom";

import { Painter } from "./paint";
import { Pointer } from "./pointer";
import type { Item, Scene } from "./scene";
import { itemLines, spoken, wireLines } from "./tips";
import { along, first, rootOf, sideways } from "./walk";
import type { Wire } from "./wire";

export class Picture {
  private readonly canvas = byId<HTMLCanvasElement>("canvas");
  private readonly context = this.canvas.getContext("2d", { alpha: false })!;
  private readonly tip = byId("tip");
  private readonly path = byId("path");
  private painter: Painter | null = null;
  private scene: Scene | null = null;
  private camera: Camera = { x: 0, y: 0, zoom: 1 };
  private hovered: Item | Wire | null = null;
  private isWaiting = false;
  private width = 0;
  private height = 0;
  private readonly pointer: Pointer;

  constructor(private readonly app: App) {
    new ResizeObserver(() => this.resize()).observe(this.canvas.parentElement!);
    app.listen((change) => {
      if (change === "pass") this.show(true);
      else if (change === "scene") this.show(false);
      else if (change === "selection") {
        this.show(false);
        this.centreOnSelection();
      } else if (change === "time" && !app.isPlaying) this.follow(1);
      this.invalidate();
    });
    this.pointer = new Pointer(this.canvas, {
      pan: (dx, dy) => this.pan(dx, dy),
      zoom: (factor, x, y) => this.zoomBy(factor, x, y),
      click: (x, y) => this.click(x, y),
      doubleClick: (x, y) => {
        const item = this.itemAt(x, y);
        if (item?.kind === "box") this.toggle(item);
      },
      hover: (x, y) => this.hover(this.under(x, y), x, y),
      leave: () => this.hover(null, 0, 0),
    });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    byId("zoom-in").addEventListener("click", () => this.zoomBy(1.3));
    byId("zoom-out").addEventListener("click", () => this.zoomBy(1 / 1.3));
    byId("zoom-fit").addEventListener("click", () => this.fit());
    byId("open-all").addEventListener("click", () => this.openAll());
    byId("close-all").addEventListener("click", () => this.closeAll());
  }

  invalidate(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => {
      this.isWaiting = false;
      this.paint();
    });
  }

  focus(): void {
    this.canvas.focus();
  }

  /** The whole picture. */
  fit(): void {
    if (this.scene && this.width) this.look(whole(this.view, this.scene));
  }

  /** Where one begins to read: at the loss, below which there is nothing, or where the pass failed. */
  open(): void {
    const { scene } = this;
    if (!scene || !this.width) return;
    const { error } = scene.pass;
    const failed = error && error.node >= 0 ? scene.itemOf(error.node) : null;
    this.look(opening(this.view, scene, failed ?? rootOf(scene), failed !== null));
  }

  /** The chosen item, large and in the middle. */
  zoomToSelection(): void {
    const item = this.selectedItem();
    if (item && this.width) this.look(closeUp(this.view, item));
  }

  zoomBy(factor: number, x = this.width / 2, y = this.height / 2): void {
    this.look(zoomed(this.camera, factor, x, y));
  }

  private get view(): { width: number; height: number } {
    return { width: this.width, height: this.height };
  }

  private look(camera: Camera): void {
    this.camera = camera;
    this.invalidate();
  }

  openAll(): void {
    if (!this.scene) return;
    const isAll = this.scene.openAll();
    this.app.tell("scene");
    this.open();
    announce(isAll ? "All boxes are open." : "Too many boxes to open them all: the outer ones are open.");
  }

  closeAll(): void {
    this.scene?.closeAll();
    this.app.tell("scene");
    this.open();
  }

  /** Keeps what runs in sight while playing. */
  follow(part = 0.2): void {
    const { graph, time } = this.app;
    if (!graph || !this.scene || this.pointer.isDragging || time >= graph.nSteps) return;
    const node = graph.ranAt[Math.floor(time)];
    const item = node === undefined || node < 0 ? null : this.scene.itemOf(node);
    if (item && !isInSight(this.view, this.camera, item, 0.04)) this.moveTo(item, part);
  }

  private show(isNewPass: boolean): void {
    const { scene } = this.app;
    const before = this.scene;
    this.scene = scene;
    this.hovered = null;
    this.painter = scene && new Painter(this.context, scene);
    if (isNewPass && !this.stay(before)) this.open();
    byId("picture").classList.toggle("empty", !scene);
  }

  /** Keeps in its place what stands in the middle, if the pass before had the same graph; else nothing. */
  private stay(before: Scene | null): boolean {
    const { scene, camera } = this;
    if (!before || !scene || !this.width || before.graph.nNodes !== scene.graph.nNodes) return false;
    const middle = before.nearest(camera.x + this.width / camera.zoom / 2, camera.y + this.height / camera.zoom / 2);
    const now = middle && scene.items.find(({ kind, ref }) => kind === middle.kind && ref === middle.ref);
    if (!now) return false;
    const x = camera.x + now.x + now.width / 2 - middle.x - middle.width / 2;
    this.look({ ...camera, x, y: camera.y + now.y - middle.y });
    return true;
  }

  private resize(): void {
    const area = this.canvas.parentElement!;
    const isFirst = this.width === 0;
    this.width = area.clientWidth;
    this.height = area.clientHeight;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    if (isFirst) {
      this.open();
      this.centreOnSelection();
    }
    this.paint();
  }

  private paint(): void {
    const { app, scene, painter } = this;
    const ratio = devicePixelRatio || 1;
    if (!scene || !painter || !app.moment) {
      this.context.setTransform(1, 0, 0, 1, 0, 0);
      this.context.fillStyle = app.theme.paper;
      this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
      return;
    }
    painter.paint(this.width, this.height, ratio, this.camera, {
      theme: app.theme,
      scale: app.scale,
      moment: app.moment,
      timeline: app.timeline,
      selected: this.selectedItem(),
      hovered: this.hovered,
      marked: new Set(app.marked.keys()),
      markedCuts: new Set(app.markedCuts.keys()),
      isPlaying: app.isPlaying,
    });
    this.showPath();
  }

  /** Names the boxes around the middle of the view whose titles are out of sight. */
  private showPath(): void {
    const { camera } = this;
    const [x, y] = [camera.x + this.width / camera.zoom / 2, camera.y + this.height / camera.zoom / 2];
    const around = this.scene!.items.filter(
      (item) => item.isOpen && x > item.x && x < item.x + item.width && y > item.y && y < item.y + item.height,
    );
    const hidden = around.filter((item) => item.y < camera.y);
    const text = hidden.map((item) => item.title).join(" › ");
    if (this.path.textContent !== text) this.path.textContent = text;
    this.path.hidden = !text;
  }

  private selectedItem(): Item | null {
    const { selection, graph } = this.app;
    if (!selection || !this.scene || !graph) return null;
    if (selection.kind === "box") return this.scene.itemOfBox(selection.ref);
    if (selection.kind === "cut") return this.scene.itemOfCut(selection.ref);
    const node = selection.kind === "node" ? selection.ref : graph.nodesOfLeaf.get(selection.ref)?.[0];
    return node === undefined ? null : this.scene.itemOf(node);
  }

  private centreOnSelection(): void {
    const item = this.selectedItem();
    if (item && !isInSight(this.view, this.camera, item, 0.06)) this.moveTo(item, 1);
  }

  private moveTo(item: Item, part: number): void {
    const { camera } = this;
    if (part === 1 && camera.zoom < 0.45 && !item.isOpen) camera.zoom = READABLE_ZOOM;
    camera.x += (item.x + item.width / 2 - this.width / camera.zoom / 2 - camera.x) * part;
    camera.y += (item.y + item.height / 2 - this.height / camera.zoom / 2 - camera.y) * part;
    this.invalidate();
  }

  private itemAt(x: number, y: number): Item | null {
    return this.scene?.at(this.camera.x + x / this.camera.zoom, this.camera.y + y / this.camera.zoom) ?? null;
  }

  private under(x: number, y: number): Item | Wire | null {
    const item = this.itemAt(x, y);
    if (item && !item.isOpen) return item;
    const { camera } = this;
    return this.scene?.wireAt(camera.x + x / camera.zoom, camera.y + y / camera.zoom, 7 / camera.zoom) ?? null;
  }

  private click(x: number, y: number): void {
    const { camera } = this;
    const item = this.itemAt(x, y);
    if (!item) {
      this.app.select(null);
      return;
    }
    const isHandle = camera.x + x / camera.zoom < item.x + 24 && camera.y + y / camera.zoom < item.y + 28;
    if (item.kind === "box" && isHandle) this.toggle(item);
    else this.choose(item);
  }

  private choose(item: Item): void {
    const { graph } = this.app;
    if (item.kind === "box") this.app.select({ kind: "box", ref: item.ref });
    else if (item.kind === "leaf") this.app.select({ kind: "leaf", ref: graph!.nodes.leaf[item.ref] });
    else if (item.kind === "node" || item.kind === "cut") this.app.select({ kind: item.kind, ref: item.ref });
    else if (item.kind === "constant") this.app.select({ kind: "node", ref: this.app.pass!.constants[item.ref].node });
    else if (item.kind === "root") this.app.select({ kind: "node", ref: this.app.pass!.roots[item.ref].node });
    announce(spoken(this.app, item));
  }

  /** Opens or closes a box without moving it under the pointer. */
  private toggle(item: Item): void {
    const { camera } = this;
    const [x, y] = [(item.x - camera.x) * camera.zoom, (item.y - camera.y) * camera.zoom];
    this.app.selection = { kind: "box", ref: item.ref };
    this.app.toggle(item.ref);
    const now = this.scene?.itemOfBox(item.ref);
    if (now) {
      camera.x =
        now.x +
        (item.width < now.width ? (now.width - item.width) / 2 : -(item.width - now.width) / 2) -
        x / camera.zoom;
      camera.y = now.y - y / camera.zoom;
      announce(`${now.title} is ${now.isOpen ? "open" : "closed"}`);
    }
    this.invalidate();
  }

  private hover(target: Item | Wire | null, x: number, y: number): void {
    if (target !== this.hovered) {
      this.hovered = target;
      this.invalidate();
      const lines = target ? ("line" in target ? wireLines(this.app, target) : itemLines(this.app, target)) : [];
      this.tip.replaceChildren(...lines.map((line, i) => el(i ? "div" : "strong", {}, line)));
      this.tip.hidden = !lines.length;
      this.canvas.style.cursor = target && !("line" in target) ? "pointer" : "grab";
    }
    if (this.tip.hidden) return;
    const left = Math.min(x + 14, this.width - this.tip.offsetWidth - 8);
    const top = y + 16 + this.tip.offsetHeight > this.height ? y - this.tip.offsetHeight - 10 : y + 16;
    this.tip.style.transform = `translate(${Math.max(0, left)}px, ${Math.max(0, top)}px)`;
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.scene) return;
    const { scene } = this;
    const item = this.selectedItem();
    const actions: Record<string, () => void> = {
      ArrowUp: () =>
        this.walk(
          item &&
            along(
              scene,
              item,
              (wire) => wire.to,
              (wire) => wire.from,
              -1,
            ),
          item,
        ),
      ArrowDown: () =>
        this.walk(
          item &&
            along(
              scene,
              item,
              (wire) => wire.from,
              (wire) => wire.to,
              1,
            ),
          item,
        ),
      ArrowLeft: () => this.walk(item && sideways(scene, item, -1), item),
      ArrowRight: () => this.walk(item && sideways(scene, item, 1), item),
      Enter: () => (item?.kind === "box" ? this.toggle(item) : byId("panel").focus()),
      Backspace: () => this.closeAround(item),
      "+": () => this.zoomBy(1.3),
      "=": () => this.zoomBy(1.3),
      "-": () => this.zoomBy(1 / 1.3),
      0: () => this.fit(),
      o: () => this.openAll(),
      c: () => this.closeAll(),
      PageUp: () => this.pan(0, -0.8 * this.height),
      PageDown: () => this.pan(0, 0.8 * this.height),
      Escape: () => this.app.select(null),
    };
    const action = Object.hasOwn(actions, event.key) ? actions[event.key] : undefined;
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  private pan(dx: number, dy: number): void {
    const { camera } = this;
    this.look({ ...camera, x: camera.x + dx / camera.zoom, y: camera.y + dy / camera.zoom });
  }

  private walk(next: Item | null, from: Item | null): void {
    const item = from ? next : first(this.scene!);
    if (item) this.choose(item);
  }

  private closeAround(item: Item | null): void {
    if (!item || !this.app.graph) return;
    const node = item.kind === "cut" ? this.app.pass!.cuts[item.ref].node : item.ref;
    const box =
      item.kind === "box"
        ? item.isOpen
          ? item.ref
          : this.app.graph.boxes.parent[item.ref]
        : this.app.graph.home(node);
    const around = box > 0 ? this.scene!.itemOfBox(box) : null;
    if (around?.isOpen) this.toggle(around);
  }
}

/** Tells people who do not see the picture. */
export function announce(text: string): void {
  byId("status").textContent = text.slice(0, 300);
}
