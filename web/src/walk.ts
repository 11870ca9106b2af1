// From one item to the next by the arrow keys.

import type { Item, Scene } from "./scene";
import type { Wire } from "./wire";

/** Along the edges: up to what a node was made from, down to what uses it; the strongest gradient first. */
export function along(
  scene: Scene,
  item: Item,
  near: (wire: Wire) => Item,
  far: (wire: Wire) => Item,
  direction: 1 | -1,
): Item | null {
  const lines = scene.wires.filter((wire) => near(wire) === item && isStop(far(wire)));
  lines.sort((a, b) => (b.norm || 0) - (a.norm || 0));
  return lines[0] ? far(lines[0]) : nearest(scene, item, (other) => (other.y - item.y) * direction > 1, 0.6, 1);
}

/** The nearest at the left or at the right. */
export function sideways(scene: Scene, item: Item, direction: 1 | -1): Item | null {
  return nearest(scene, item, (other) => (centre(other)[0] - centre(item)[0]) * direction > 1, 1, 6);
}

/** Where a walk begins: at the root. */
export function first(scene: Scene): Item | null {
  return rootOf(scene) ?? scene.items.find(isStop) ?? null;
}

/** The item in which the pass starts. */
export function rootOf(scene: Scene): Item | null {
  const root = scene.pass.roots[0]?.node ?? -1;
  return root < 0 ? null : scene.itemOf(root);
}

function nearest(
  scene: Scene,
  item: Item,
  fits: (other: Item) => boolean,
  acrossX: number,
  acrossY: number,
): Item | null {
  const [x, y] = centre(item);
  let best: Item | null = null;
  let least = Infinity;
  for (const other of scene.items) {
    if (other === item || !isStop(other) || !fits(other)) continue;
    const [ox, oy] = centre(other);
    const distance = Math.abs(ox - x) * acrossX + Math.abs(oy - y) * acrossY;
    if (distance < least) [best, least] = [other, distance];
  }
  return best;
}

function isStop(item: Item): boolean {
  return ["node", "leaf", "box", "cut"].includes(item.kind);
}

function centre(item: Item): [number, number] {
  return [item.x + item.width / 2, item.y + (item.isOpen ? 14 : item.height / 2)];
}
