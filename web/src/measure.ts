// Fonts of the picture, and how wide a text is in them.

const STACK = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

export const FONTS = {
  title: `bold 13px ${STACK}`,
  name: `italic 13px ${STACK}`,
  plain: `11px ${STACK}`,
  strong: `bold 11px ${STACK}`,
  small: `10px ${STACK}`,
} as const;

export type Font = keyof typeof FONTS;

const known = new Map<string, number>();
let context: CanvasRenderingContext2D | null = null;

export function widthOf(text: string, font: Font): number {
  const key = `${font} ${text}`;
  let width = known.get(key);
  if (width === undefined) {
    context ??= document.createElement("canvas").getContext("2d")!;
    context.font = FONTS[font];
    known.set(key, (width = context.measureText(text).width));
  }
  return width;
}

/** The text, cut to at most `n` characters. */
export function cut(text: string, n: number): string {
  const line = text.replace(/[\n\t]+/g, " ");
  return line.length <= n ? line : `${line.slice(0, n - 1)}…`;
}
