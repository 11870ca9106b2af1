// The address says what is shown, and is read with whatever somebody typed into it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, read, written } from "../src/address";

const nothing: Address = { pass: null, chosen: null, time: null, isTables: null, rank: null };

test("what was written is read again", () => {
  const addresses: Address[] = [
    { pass: 2, chosen: { kind: "node", ref: "17" }, time: 3, isTables: true, rank: "1" },
    { ...nothing, pass: 1, chosen: { kind: "leaf", ref: "net.0.weight & bias=1" } },
    nothing,
  ];
  for (const address of addresses) assert.deepEqual(read(`#${written(address)}`), address);
});

test("nonsense is not followed", () => {
  assert.deepEqual(read("#pass=two&time=&view="), { ...nothing, time: 0 });
  assert.deepEqual(read(""), nothing);
});

test("of several choices the last kind counts", () => {
  assert.deepEqual(read("node=1&box=4").chosen, { kind: "box", ref: "4" });
});
