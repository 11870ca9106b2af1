// Paints the lines along which gradients run.

import type { Look } from "./look";
import { FONTS, widthOf } from "./measure";
import { pointOn, type Wire } from "./wire";

export interface Area {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

function isOver(area: Area, a: number, b: number, y: number): boolean {
  return Math.max(a, b) > area.left && Math.min(a, b) < area.right && y + 7 > area.top && y - 7 < area.bottom;
}

export class WirePainter {
  constructor(private readonly context: CanvasRenderingContext2D) {}

  wire(wire: Wire, look: Look, zoom: number): void {
    const { context } = this;
    const { theme, moment } = look;
    const { points } = wire;
    const isCut = wire.from.kind === "cut";
    const hasArrow = zoom > 0.3 && wire.from.kind !== "in" && !wire.from.isOpen && !isCut;
    const isSent = wire.nSent > 0 && moment.time > wire.first;
    const isArriving = wire.nSent > 0 && moment.time > wire.first && moment.time < wire.last + 1;
    const isHot =
      look.hovered === wire || (look.selected !== null && (wire.from === look.selected || wire.to === look.selected));
    context.beginPath();
    context.moveTo(points[0], points[1] + (hasArrow ? 7 : 0));
    for (let i = 2; i < points.length; i += 6) {
      context.bezierCurveTo(points[i], points[i + 1], points[i + 2], points[i + 3], points[i + 4], points[i + 5]);
    }
    context.strokeStyle = theme.no_gradient;
    context.lineWidth = Math.max(1, 0.8 / zoom);
    context.globalAlpha = isSent && !isArriving ? 1 : 0.55;
    context.setLineDash(wire.nSent ? [] : [4, 4]);
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
        points[1],
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

  /** The gradient beside its line, where no title of a box stands. */
  label(wire: Wire, look: Look, zoom: number, titles: readonly Area[]): void {
    if (!wire.label || look.moment.time < wire.last + 1) return;
    if (wire.label.startsWith("|") && zoom < 0.75 && look.hovered !== wire) return;
    const { context } = this;
    const pieces = (wire.points.length - 2) / 6;
    const last = wire.points.length - 6;
    const isOdd = wire.line.slots > 1 && wire.line.slot % 2 === 1;
    const [top, aside] = [wire.points[last - 2], wire.points[last + 4] - wire.points[last - 2]];
    // A line that goes far to the side has room for its label only at the arrow, on the side that it turns away from.
    const isSlanted = Math.abs(aside) > 36;
    const isLeft = isSlanted ? aside > 0 : (wire.line.slot + 1) / (wire.line.slots + 1) < 0.5;
    const beside = (this.stroke(wire, look)[1] / 2 + (isSlanted ? 7 : 4)) * (isLeft ? -1 : 1);
    const width = widthOf(wire.label, "plain") * (isLeft ? -1 : 1);
    const usual = pieces > 1 ? 0.55 : isOdd ? 0.45 : 0.58;
    const places = [usual, 0.3, 0.8].map((part) => pointOn(wire.points, last, part));
    if (pieces > 1) places.push(pointOn(wire.points, 2, 0.5));
    if (isSlanted) places.unshift([top, wire.points[last - 1] + 13]);
    const under = ([at, level]: [number, number]) =>
      titles.find((title) => isOver(title, at + beside, at + beside + width, level));
    const free = places.find((place) => !under(place));
    const [onLine, y] = free ?? places[0];
    const x = free ? onLine + beside : Math.max(onLine + beside, (under(places[0])?.right ?? 0) + 4);
    context.font = wire.isBad ? FONTS.strong : FONTS.plain;
    context.textAlign = isLeft && free ? "right" : "left";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.strokeStyle = look.theme.paper;
    context.lineWidth = 4;
    context.strokeText(wire.label, x, y);
    context.fillStyle = wire.isBad ? look.theme.non_finite : look.theme.ink;
    context.fillText(wire.label, x, y);
  }
}
