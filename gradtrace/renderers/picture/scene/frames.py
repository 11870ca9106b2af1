"""Frames around modules and loops; a module of a single op has none, and its op says in which module it stands."""

from gradtrace.analysis.view import View
from gradtrace.renderers.picture.scene.folded import times
from gradtrace.renderers.picture.scene.model import Cluster, Row, Span
from gradtrace.text.escape import visible


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
        title: Row = (Span(visible(group.label or group.path, 50), role),)
        if group.module_type:
            title += (Span(visible(group.module_type, 30), "muted"),)
        return (*title, *times(group.count))

    def _cluster(self, number: int) -> Cluster:
        group = self._view.groups[number]
        kind = f" ({group.module_type})" if group.module_type else ""
        tooltip = visible(f"{group.path or group.label}{kind}", 160)
        return Cluster(self.around(group.parent), self._title(number, "strong"), tooltip)
