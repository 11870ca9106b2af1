// What of the picture is in sight.

import assert from "node:assert/strict";
import { test } from "node:test";
import { closeUp, isInSight, opening, READABLE_ZOOM, whole, zoomed } from "../src/camera";

const view = { width: 800, height: 600 };
const tall = { width: 400, height: 6000 };
const loss = { x: 150, y: 5900, width: 100, height: 60 };

test("fit shows all of a picture, however large", () => {
  for (const picture of [tall, { width: 90_000, height: 50 }, { width: 60, height: 40 }]) {
    assert.ok(isInSight(view, whole(view, picture), { x: 0, y: 0, ...picture }, 0));
  }
});

test("a large picture opens at the loss, large enough to read, with what stands above it", () => {
  const camera = opening(view, tall, loss, false);
  assert.equal(camera.zoom, READABLE_ZOOM);
  assert.ok(isInSight(view, camera, loss, 0.05));
  assert.ok(loss.y - camera.y > (0.7 * view.height) / camera.zoom);
});

test("a picture that can be read as a whole opens as a whole, and one without a start too", () => {
  assert.deepEqual(opening(view, { width: 300, height: 300 }, loss, false), whole(view, { width: 300, height: 300 }));
  assert.deepEqual(opening(view, tall, null, false), whole(view, tall));
});

test("a close-up is large, or holds all of what is larger than the view", () => {
  assert.ok(closeUp(view, loss).zoom > 1);
  const module = { x: 0, y: 100, width: 400, height: 3000 };
  assert.ok(isInSight(view, closeUp(view, module), module, 0));
});

test("zooming keeps the point under the pointer", () => {
  const before = { x: 10, y: 20, zoom: 1 };
  const after = zoomed(before, 2, 100, 50);
  assert.deepEqual([after.x + 100 / after.zoom, after.y + 50 / after.zoom], [110, 70]);
});
