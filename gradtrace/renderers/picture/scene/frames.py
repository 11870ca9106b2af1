"""Frames around modules and loops; a module of a single op has none, and its op says in which module it stands."""

import re
from collections import Counter

from gradtrace.analysis.view import Item, View
from gradtrace.renderers.picture.scene.folded import times
from gradtrace.renderers.picture.scene.model import Cluster, Row, Span
from gradtrace.text.escape import visible

_LONGEST_CALL = 40


def _calls(view: View) -> dict[int, str]:
    """By group the source of the call, `D(fake.detach())`, where a module is called in several places."""
    n_calls = Counter(group.path for group in view.groups if group.kind == "module")
    found: dict[int, str] = {}
    for item in view.items:
        number = item.group
        while number is not None and number not in found:
            group = view.groups[number]
            if group.count == 1 and n_calls[group.path] > 1:
                source = _source_of_call(view, item, group.path)
                if source:
                    found[number] = source
            number = group.parent
    return found


def _source_of_call(view: View, item: Item, path: str) -> str:
    place = view.graph.nodes[item.nodes[0]].location
    if place is None or place.end_line not in {0, place.line}:
        return ""
    source = place.text[place.column - 1 : place.end_column - 1]
    name = re.escape(path.rpartition(".")[2])
    is_call = re.fullmatch(rf"[\w.\[\]]*\b{name}\(.*\)", source) is not None
    return source if is_call and len(source) <= _LONGEST_CALL else ""


class Frames:
    """The frames of one picture.

    Attributes:
        clusters: in the order of the groups that have one.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        n_inside = [0] * len(view.groups)
        is_op = [True] * len(view.groups)
        for item in view.items:
            if item.group is not None:
                n_inside[item.group] += 1
                is_op[item.group] &= item.kind == "node"
        for group in view.groups:
            if group.parent is not None:
                is_op[group.parent] = False
        self._calls = _calls(view)
        self._is_frameless = [
            n == 1 and is_single and group.kind == "module"
            for n, is_single, group in zip(n_inside, is_op, view.groups, strict=True)
        ]
        framed = [group.id for group in view.groups if not self._is_frameless[group.id]]
        self._number = {group: number for number, group in enumerate(framed)}
        self.clusters = tuple(map(self._cluster, framed))

    def around(self, group: int | None) -> int | None:
        """The number of the innermost frame around what stands in a group."""
        while group is not None and group not in self._number:
            group = self._view.groups[group].parent
        return None if group is None else self._number[group]

    def instead(self, group: int | None) -> tuple[Row, ...]:
        """What an op says that is alone in its module: `1 ReLU`."""
        return () if group is None or group in self._number else (self._title(group, "muted"),)

    def _title(self, number: int, role: str) -> Row:
        group = self._view.groups[number]
        label = self._calls.get(number) or group.label or group.path
        title: Row = (Span(visible(label, 50), role),)
        if group.module_type:
            title += (Span(visible(group.module_type, 30), "muted"),)
        return (*title, *times(group.count))

    def _cluster(self, number: int) -> Cluster:
        group = self._view.groups[number]
        kind = f" ({group.module_type})" if group.module_type else ""
        tooltip = visible(f"{group.path or group.label}{kind}", 160)
        return Cluster(self.around(group.parent), self._title(number, "strong"), tooltip)
