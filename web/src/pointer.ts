// Mouse, touch and wheel on the picture, as what they mean: pan, zoom, hover, click.

/** What is done; places are those of the view, in pixels. */
export interface Gestures {
  pan(dx: number, dy: number): void;
  zoom(factor: number, x: number, y: number): void;
  click(x: number, y: number): void;
  doubleClick(x: number, y: number): void;
  hover(x: number, y: number): void;
  leave(): void;
}

/** A press that moves less than this, in pixels, is a click. */
const STILL = 5;

export class Pointer {
  private readonly touches = new Map<number, { x: number; y: number }>();
  private moved = 0;

  constructor(
    canvas: HTMLCanvasElement,
    private readonly gestures: Gestures,
  ) {
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.touches.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
      this.moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => this.move(event));
    const release = (event: PointerEvent) => {
      this.touches.delete(event.pointerId);
      this.moved = 0;
    };
    canvas.addEventListener("pointerup", (event) => {
      if (this.touches.size === 1 && this.moved < STILL) gestures.click(event.offsetX, event.offsetY);
      release(event);
    });
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => gestures.leave());
    canvas.addEventListener("dblclick", (event) => gestures.doubleClick(event.offsetX, event.offsetY));
  }

  get isDragging(): boolean {
    return this.moved > 0;
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    if (!event.ctrlKey && !event.metaKey && Math.abs(event.deltaY) <= Math.abs(event.deltaX)) {
      this.gestures.pan(event.deltaX, 0);
      return;
    }
    const turned = Math.max(-120, Math.min(120, event.deltaY * (event.deltaMode === 1 ? 16 : 1)));
    this.gestures.zoom(Math.exp(-turned * 0.0022), event.offsetX, event.offsetY);
  }

  private move(event: PointerEvent): void {
    const before = this.touches.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "touch") this.gestures.leave();
      else this.gestures.hover(event.offsetX, event.offsetY);
      return;
    }
    const now = { x: event.offsetX, y: event.offsetY };
    const other = [...this.touches].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (at: { x: number; y: number }) => Math.hypot(at.x - other.x, at.y - other.y);
      this.gestures.zoom(apart(now) / Math.max(1, apart(before)), (now.x + other.x) / 2, (now.y + other.y) / 2);
    } else this.gestures.pan(before.x - now.x, before.y - now.y);
    this.moved += Math.hypot(now.x - before.x, now.y - before.y);
    this.touches.set(event.pointerId, now);
    if (this.moved >= STILL) this.gestures.leave();
  }
}
