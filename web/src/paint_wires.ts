// Paints the lines along which gradients run.

import type { Look } from "./look";
import { FONTS } from "./measure";
import { pointOn, type Wire } from "./wire";

/** Farther away than this, labels are too small to read. */
const FAR = 0.5;
/** How far a closed box, drawn as a stack, reaches below its edge. */
const STACK = 5;

export class WirePainter {
  constructor(private readonly context: CanvasRenderingContext2D) {}

  wire(wire: Wire, look: Look, zoom: number): void {
    const { context } = this;
    const { theme, moment } = look;
    const { points } = wire;
    const isCut = wire.from.kind === "cut";
    const isConstant = wire.from.kind === "constant";
    const hasArrow = zoom > 0.3 && wire.from.kind !== "in" && !wire.from.isOpen && !isCut && !isConstant;
    const isSent = wire.nSent > 0 && moment.time > wire.first;
    const isArriving = wire.nSent > 0 && moment.time > wire.first && moment.time < wire.last + 1;
    const isHot =
      look.hovered === wire || (look.selected !== null && (wire.from === look.selected || wire.to === look.selected));
    // A closed box has others behind it, at which the arrow ends.
    const tip = points[1] + (wire.from.kind === "box" && !wire.from.isOpen && zoom > 0.3 ? STACK : 0);
    context.beginPath();
    context.moveTo(points[0], tip + (hasArrow ? 7 : 0));
    for (let i = 2; i < points.length; i += 6) {
      context.bezierCurveTo(points[i], points[i + 1], points[i + 2], points[i + 3], points[i + 4], points[i + 5]);
    }
    context.strokeStyle = theme.no_gradient;
    context.lineWidth = Math.max(1, 0.8 / zoom);
    context.globalAlpha = isSent && !isArriving ? 1 : 0.55;
    context.setLineDash(wire.nSent || isConstant ? [] : [4, 4]);
    let width = 1;
    if (isSent && !isArriving) [context.strokeStyle, width] = this.stroke(wire, look);
    if (wire.isBad && isSent) context.setLineDash([9, 4]);
    context.lineWidth = Math.max(width + (isHot ? 1.5 : 0), 0.9 / zoom);
    context.stroke();
    context.globalAlpha = 1;
    context.setLineDash([]);
    if (isArriving) this.moving(wire, look);
    if (isCut && zoom > 0.3) this.cross(points[0], points[1] + 12, theme.muted);
    if (hasArrow)
      this.arrow(
        points[0],
        tip,
        isSent && !isArriving ? width : 1,
        isSent && !isArriving ? this.stroke(wire, look)[0] : theme.no_gradient,
      );
  }

  private stroke(wire: Wire, { theme, scale }: Look): [string, number] {
    if (wire.isBad) return [theme.non_finite, 5];
    if (!scale || Number.isNaN(wire.norm)) return [theme.ramp[1], 1.5];
    if (wire.norm === 0) return [theme.no_gradient, 1];
    return [scale.colour(wire.norm, theme), scale.width(wire.norm)];
  }

  /** The gradient on its way up: the part of the line that it has passed, and a drop at its head. */
  private moving(wire: Wire, look: Look): void {
    const { context } = this;
    const { points } = wire;
    const part = Math.min(1, (look.moment.time - wire.first) / (wire.last + 1 - wire.first));
    const pieces = (points.length - 2) / 6;
    const [colour, width] = this.stroke(wire, look);
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(points[points.length - 2], points[points.length - 1]);
    const n = 14 * pieces;
    let [x, y] = [0, 0];
    for (let k = 0; k <= n * part; k++) {
      const along = pieces - (k / n) * pieces;
      const piece = Math.min(pieces - 1, Math.floor(along));
      [x, y] = pointOn(points, 2 + piece * 6, along - piece);
      context.lineTo(x, y);
    }
    context.stroke();
    context.beginPath();
    context.arc(x, y, width + 3, 0, 2 * Math.PI);
    context.fill();
  }

  /** Where a gradient would go on, and does not. */
  private cross(x: number, y: number, colour: string): void {
    const { context } = this;
    context.strokeStyle = colour;
    context.lineWidth = 1.8;
    context.beginPath();
    context.moveTo(x - 4.5, y - 4.5);
    context.lineTo(x + 4.5, y + 4.5);
    context.moveTo(x + 4.5, y - 4.5);
    context.lineTo(x - 4.5, y + 4.5);
    context.stroke();
  }

  private arrow(x: number, y: number, width: number, colour: string): void {
    const { context } = this;
    const size = 4 + width;
    context.fillStyle = colour;
    context.beginPath();
    context.moveTo(x, y - 0.5);
    context.lineTo(x - size * 0.62, y + size * 1.3);
    context.lineTo(x + size * 0.62, y + size * 1.3);
    context.closePath();
    context.fill();
  }

  /** The gradient beside its line, once it is sent. */
  label(wire: Wire, look: Look, zoom: number): void {
    const { label } = wire;
    if (!label || look.moment.time < wire.last + 1) return;
    if (zoom < FAR && look.hovered !== wire) return;
    const { context } = this;
    context.font = wire.isBad ? FONTS.strong : FONTS.plain;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillStyle = wire.isBad ? look.theme.non_finite : look.theme.ink;
    context.fillText(label.text, label.x, label.y);
  }
}
