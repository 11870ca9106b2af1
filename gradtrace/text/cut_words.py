"""The words for a cut: a place where a value left the graph."""

from collections.abc import Iterator, Sequence

from gradtrace.model import BackwardPass, Cut, CutKind, GradSwitch, Leaf, SwitchKind, Trace
from gradtrace.text import wording
from gradtrace.text.escape import one_line, visible
from gradtrace.text.source_maths import span

_LONGEST = 60
_MOST_NAMES = 3


def call(cut: Cut) -> str:
    """What was written at the cut: `detach()`, `.data`, `float()`."""
    if cut.kind in _CALLS:
        return _CALLS[cut.kind]
    name = _short(cut.call) or cut.kind
    return f"{name.strip('_') if cut.kind == CutKind.NUMBER else name}()"


_CALLS = {
    CutKind.DATA: ".data",
    CutKind.ITEM: "item()",
    CutKind.TOLIST: "tolist()",
    CutKind.NUMPY: "numpy()",
    CutKind.NEW_TENSOR: "torch.tensor()",
    CutKind.PARAMETER: "nn.Parameter()",
}


def cut_off(cut: Cut) -> str:
    """What a cut did, as a clause: `detach() at train.py:18 cut code off`."""
    at = wording.at(cut.location)
    if cut.kind == CutKind.DATA and cut.location is not None and "deepcopy(" in span(cut.location):
        return f"copy.deepcopy(){at} made a copy, from which no gradient comes back"
    what = _short(cut.source) if cut.source else "the result"
    written = f"{call(cut)}{at}"
    clause = {
        CutKind.DETACH: f"{written} cut {what} off",
        CutKind.DATA: f"{written} took the bare value of {what}",
        CutKind.ITEM: f"{written} made a Python number of {what}",
        CutKind.TOLIST: f"{written} made a list of Python numbers of {what}",
        CutKind.NUMPY: f"{written} made an array of {what}",
        CutKind.NUMBER: f"{written} made a Python number of {what}",
        CutKind.NEW_TENSOR: f"{written} copied the numbers of {what} into a new tensor",
        CutKind.PARAMETER: f"{written} made a new leaf of {what}",
        CutKind.NO_GRAD: f"{written} ran while gradients were off{_switched(cut)}",
        CutKind.INFERENCE_MODE: f"{written} ran in inference mode{_switched(cut)}",
        CutKind.NOT_DIFFERENTIABLE: f"{written} gives integers or booleans, which have no gradient",
    }
    return clause.get(cut.kind, f"{written} cut {what} off")


def switched_off(switch: GradSwitch) -> str:
    """Who switched gradients off: `with torch.no_grad() at train.py:12`."""
    called = _short(switch.call)
    words = {
        SwitchKind.WITH: f"with {called}()",
        SwitchKind.DECORATOR: f"@{called}()",
        SwitchKind.CALL: f"{called}(False)",
        SwitchKind.CHECKPOINT: f"{called}()",
        SwitchKind.FUNCTION: f"{called} of a custom Function",
        SwitchKind.BACKWARD: "a backward pass without create_graph",
    }
    via = switch.location.via if switch.location is not None else None
    by_way = f" (via {wording.location(via)})" if via is not None else ""
    return f"{words.get(switch.kind, called)}{wording.at(switch.location)}{by_way}"


def _switched(cut: Cut) -> str:
    if cut.switch is None:
        return ""
    did = "switched them off" if cut.kind == CutKind.NO_GRAD else "switched it on"
    return f" ({switched_off(cut.switch)} {did})"


def lost_to(cut: Cut, leaves: Sequence[Leaf]) -> str:
    """Who gets nothing because of it: `no gradient this way to fc.weight and fc.bias`; "" when that is not known."""
    names = [visible(leaves[leaf].name, 40) for leaf in cut.leaves if leaf < len(leaves)]
    return f"no gradient this way to {wording.listing(names, _MOST_NAMES)}" if names else ""


def cuts_of(trace: Trace, one: BackwardPass) -> Iterator[str]:
    """A clause for each of the first cuts whose value came back into the graph of a pass; how many more there are."""
    cuts = [cut for cut in trace.cuts if one.index in cut.passes and cut.process == one.process]
    for cut in cuts[:_MOST_CUTS]:
        yield ": ".join(filter(None, (one_line(cut_off(cut), _LONGEST_CLAUSE), lost_to(cut, trace.leaves))))
    if len(cuts) > _MOST_CUTS:
        yield f"and {wording.count(len(cuts) - _MOST_CUTS, 'more cut')}"


_MOST_CUTS = 6
_LONGEST_CLAUSE = 300


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
