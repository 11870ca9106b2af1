// Routes: the curve that a segment takes through its bends, as points of a cubic Bézier curve.

export type Point = readonly [x: number, y: number];

/** Between two lanes at the right of a level. */
export const LANE_DISTANCE = 9;

/** The control points and the end of a straight piece; nothing if there is no way to go. */
export function straight(start: Point, end: Point): Point[] {
  return start[0] === end[0] && start[1] === end[1] ? [] : [start, end, end];
}

/** A piece that leaves and arrives vertically. */
export function bow(start: Point, end: Point): Point[] {
  if (Math.abs(start[0] - end[0]) < 0.05) return straight(start, end);
  const middle = (start[1] + end[1]) / 2;
  return [[start[0], middle], [end[0], middle], end];
}

/** A piece that leaves vertically and comes back from where it went: `reach` above (negative) or below. */
export function turn(start: Point, end: Point, reach: number): Point[] {
  return [[start[0], start[1] + reach], [end[0], end[1] + reach], end];
}

/** A curve from stop to stop, each passed straight down; `lane` is the piece after the first stop, where there is one. */
export function through(stops: readonly (readonly [Point, Point])[], lane: Point[] | null): Point[] {
  const points: Point[] = [stops[0][0]];
  stops.forEach(([entry, leave], i) => {
    if (i) points.push(...(lane && i === 1 ? lane : bow(points[points.length - 1], entry)));
    points.push(...straight(entry, leave));
  });
  return points;
}

/** For each vertical span the number of a lane in which it touches no other: first come, lowest free lane. */
export function assignLanes(spans: readonly (readonly [top: number, bottom: number])[]): number[] {
  const lanes = spans.map(() => 0);
  const free: number[] = [];
  const sequence = spans.map((_, i) => i).sort((a, b) => spans[a][0] - spans[b][0] || a - b);
  for (const i of sequence) {
    const [top, bottom] = spans[i];
    const found = free.findIndex((until) => until < top);
    const lane = found < 0 ? free.length : found;
    free[lane] = bottom;
    lanes[i] = lane;
  }
  return lanes;
}
