// What the painters need to know besides the scene.

import type { Scale, Theme } from "./palette";
import type { Item } from "./scene";
import type { Moment, Timeline } from "./timeline";
import type { Wire } from "./wire";

export interface Look {
  theme: Theme;
  scale: Scale | null;
  moment: Moment;
  timeline: Timeline;
  selected: Item | null;
  hovered: Item | Wire | null;
  /** Nodes that a finding points at. */
  marked: ReadonlySet<number>;
  markedCuts: ReadonlySet<number>;
  isPlaying: boolean;
}
