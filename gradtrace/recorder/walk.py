"""Walks a graph.

With an explicit stack (recursion dies at 1,000 nodes), keyed by the wrapper objects themselves (their `id` is reused
as soon as one is dropped), each node once. Ids are the order of discovery, depth first in the order of slots.
"""

from __future__ import annotations

from array import array
from typing import Any

Node = Any


class Walk:
    """The graph below some roots, as columns."""

    def __init__(self, roots: list[Node]) -> None:
        self.ids: dict[Node, int] = {}
        self.sources = array("I")
        self.targets = array("I")
        self.outputs = array("I")
        self.slots = array("I")
        self.first_edge = array("I")
        self.n_slots = array("I")
        self._walk(roots)

    def _walk(self, roots: list[Node]) -> None:
        ids = self.ids
        order: list[Node] = []
        stack = list(reversed(roots))
        children: list[Any] = []
        while stack:
            node = stack.pop()
            if node in ids:
                continue
            ids[node] = len(order)
            order.append(node)
            following = node.next_functions
            children.append(following)
            for child, _ in reversed(following):
                if child is not None and child not in ids:
                    stack.append(child)
        for number, following in enumerate(children):
            self.first_edge.append(len(self.sources))
            self.n_slots.append(len(following))
            for slot, (child, output) in enumerate(following):
                if child is not None:
                    self.sources.append(number)
                    self.targets.append(ids[child])
                    self.outputs.append(output)
                    self.slots.append(slot)
        self.first_edge.append(len(self.sources))

    def edge(self, node: int, slot: int) -> int:
        """The number of the edge that leaves a node at a slot, or -1."""
        first, last = self.first_edge[node], self.first_edge[node + 1]
        if first + slot < last and self.slots[first + slot] == slot:
            return first + slot
        for number in range(first, last):
            if self.slots[number] == slot:
                return number
        return -1
