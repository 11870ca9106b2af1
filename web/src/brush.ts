// Shapes and letters that all painters share.

import { FONTS, type Font } from "./measure";
import type { BoxStyle, Theme } from "./palette";

export class Brush {
  constructor(readonly context: CanvasRenderingContext2D) {}

  text(text: string, font: Font, colour: string, x: number, y: number, align: CanvasTextAlign = "center"): void {
    if (!text) return;
    const { context } = this;
    context.font = FONTS[font];
    context.fillStyle = colour;
    context.textAlign = align;
    context.textBaseline = "middle";
    context.fillText(text, x, y);
  }

  shape(x: number, y: number, width: number, height: number, style: BoxStyle, zoom: number): void {
    const { context } = this;
    rounded(context, x, y, width, height, style.shape === "square" ? 2 : 6);
    context.fillStyle = style.fill;
    context.fill();
    context.strokeStyle = style.border;
    context.lineWidth = Math.max(style.width, 0.7 / zoom);
    context.setLineDash(style.dashed ? [4, 3] : []);
    context.stroke();
    if (style.double && zoom > 0.3) {
      rounded(context, x + 3, y + 3, width - 6, height - 6, 4);
      context.lineWidth = 0.8;
      context.stroke();
    }
    if (style.shape === "cut" && zoom > 0.3) {
      context.beginPath();
      for (const [px, py, dx, dy] of [
        [x, y, 1, 1],
        [x + width, y, -1, 1],
        [x, y + height, 1, -1],
        [x + width, y + height, -1, -1],
      ]) {
        context.moveTo(px + 9 * dx, py);
        context.lineTo(px, py + 9 * dy);
      }
      context.stroke();
    }
    context.setLineDash([]);
  }

  /** Says that a box can be opened or closed. */
  handle(x: number, y: number, isOpen: boolean, theme: Theme): void {
    const { context } = this;
    context.strokeStyle = theme.muted;
    context.lineWidth = 1.2;
    context.strokeRect(x - 4.5, y - 4.5, 9, 9);
    context.beginPath();
    context.moveTo(x - 2.5, y);
    context.lineTo(x + 2.5, y);
    if (!isOpen) {
      context.moveTo(x, y - 2.5);
      context.lineTo(x, y + 2.5);
    }
    context.stroke();
  }
}

export function rounded(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  radius: number,
): void {
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
}
