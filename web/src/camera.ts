// Which part of the picture is seen, and how large.

/** What of the picture stands at the left top of the view, and how many pixels one unit of the picture takes. */
export interface Camera {
  x: number;
  y: number;
  zoom: number;
}

interface Size {
  width: number;
  height: number;
}

interface Rectangle extends Size {
  x: number;
  y: number;
}

export const LEAST_ZOOM = 0.01;
export const MOST_ZOOM = 4;
/** Small pictures are not blown up further. */
const START_ZOOM = 1.5;
/** Below this, one does not read. */
export const READABLE_ZOOM = 0.85;
/** What was searched for is shown as large as this, if it fits. */
const CLOSE_ZOOM = 1.2;
/** Of the view, below the loss when the page opens. */
const ROOM_BELOW = 60;
const MARGIN = 16;

/** The whole of a picture. */
export function whole(view: Size, picture: Size): Camera {
  const zoom = clamped(Math.min(START_ZOOM, fitting(view, picture)));
  return centred(view, { x: 0, y: 0, ...picture }, zoom);
}

/** Where one begins to read: the whole if it can be read so, else the start with what stands above it. */
export function opening(view: Size, picture: Size, start: Rectangle | null, isInMiddle: boolean): Camera {
  const all = whole(view, picture);
  if (!start || all.zoom >= READABLE_ZOOM) return all;
  const camera = centred(view, start, READABLE_ZOOM);
  if (!isInMiddle) camera.y = start.y + start.height - (view.height - ROOM_BELOW) / READABLE_ZOOM;
  return camera;
}

/** One thing, large and in the middle; as a whole if it is large itself. */
export function closeUp(view: Size, item: Rectangle): Camera {
  return centred(view, item, clamped(Math.min(CLOSE_ZOOM, fitting(view, item))));
}

/** The same point of the picture stays under a point of the view. */
export function zoomed(camera: Camera, factor: number, x: number, y: number): Camera {
  const zoom = clamped(camera.zoom * factor);
  return { zoom, x: camera.x + x / camera.zoom - x / zoom, y: camera.y + y / camera.zoom - y / zoom };
}

/** Whether a thing is in sight with a margin, a share of the view; one that is larger than the view is. */
export function isInSight(view: Size, camera: Camera, item: Rectangle, margin: number): boolean {
  const isInside = (at: number, size: number, from: number, room: number) =>
    size > room || (at >= from + room * margin && at + size <= from + room * (1 - margin));
  return (
    isInside(item.x, item.width, camera.x, view.width / camera.zoom) &&
    isInside(item.y, item.height, camera.y, view.height / camera.zoom)
  );
}

function centred(view: Size, item: Rectangle, zoom: number): Camera {
  return {
    zoom,
    x: item.x + item.width / 2 - view.width / zoom / 2,
    y: item.y + item.height / 2 - view.height / zoom / 2,
  };
}

function fitting(view: Size, item: Size): number {
  return Math.min((view.width - 2 * MARGIN) / item.width, (view.height - 2 * MARGIN) / item.height);
}

function clamped(zoom: number): number {
  return Math.max(LEAST_ZOOM, Math.min(MOST_ZOOM, zoom));
}
