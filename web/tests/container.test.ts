// The container is read as Python packs it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Reference, unpack } from "../src/container";
import { columns } from "./traces";

interface Header {
  integers: Record<string, Reference>;
  floats: Record<string, Reference>;
}

test("integers of every kind come out as they went in", async () => {
  const { header, integers } = await unpack<Header>(columns.packed);
  for (const [name, expected] of Object.entries(columns.integers)) {
    assert.deepEqual([...integers(header.integers[name])], expected, name);
  }
});

test("floats: None is absent, NaN is there, and what 32 bits cannot hold is exact", async () => {
  const { header, floats } = await unpack<Header>(columns.packed);
  for (const [name, expected] of Object.entries(columns.floats)) {
    const found = floats(header.floats[name]);
    expected.forEach((value: number | string | null, i: number) => {
      assert.equal(found.has(i), value !== null, `${name} ${i}`);
      if (value !== null)
        assert.equal(found.values[i], Number(value === "nan" ? Number.NaN : value === "inf" ? Infinity : value));
    });
  }
});

test("a column that passes share is decoded once", async () => {
  const { header, integers } = await unpack<Header>(columns.packed);
  assert.equal(integers(header.integers.small), integers(header.integers.small));
});
