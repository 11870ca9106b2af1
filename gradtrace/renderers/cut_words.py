"""The words for a cut: a place where a value left the graph."""

from collections.abc import Sequence

from gradtrace.model import Cut, Leaf
from gradtrace.renderers import wording
from gradtrace.renderers.escape import visible

_LONGEST = 60
_MOST_NAMES = 3


def call(cut: Cut) -> str:
    """What was written at the cut: `detach()`, `.data`, `float()`."""
    if cut.kind in _CALLS:
        return _CALLS[cut.kind]
    name = _short(cut.call) or cut.kind
    return f"{name.strip('_') if cut.kind == 'number' else name}()"


_CALLS = {
    "data": ".data",
    "item": "item()",
    "tolist": "tolist()",
    "numpy": "numpy()",
    "new_tensor": "torch.tensor()",
    "parameter": "nn.Parameter()",
}


def cut_off(cut: Cut) -> str:
    """What a cut did, as a clause: `detach() at train.py:18 cut code off`."""
    at = wording.at(cut.location)
    what = _short(cut.source) if cut.source else "the result"
    written = f"{call(cut)}{at}"
    clause = {
        "detach": f"{written} cut {what} off",
        "data": f"{written} took the bare value of {what}",
        "item": f"{written} made a Python number of {what}",
        "tolist": f"{written} made a list of Python numbers of {what}",
        "numpy": f"{written} made an array of {what}",
        "number": f"{written} made a Python number of {what}",
        "new_tensor": f"{written} copied the numbers of {what} into a new tensor",
        "parameter": f"{written} made a new leaf of {what}",
        "no_grad": f"{written} ran while gradients were off",
        "inference_mode": f"{written} ran in inference mode",
        "not_differentiable": f"{written} gives integers or booleans, which have no gradient",
    }
    return clause.get(cut.kind, f"{written} cut {what} off")


def lost_to(cut: Cut, leaves: Sequence[Leaf]) -> str:
    """Who gets nothing because of it: `no gradient this way to fc.weight and fc.bias`; "" when that is not known."""
    names = [visible(leaves[leaf].name, 40) for leaf in cut.leaves if leaf < len(leaves)]
    return f"no gradient this way to {wording.listing(names, _MOST_NAMES)}" if names else ""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
