"""Where a value left the graph, so that no gradient comes back along it."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.location import Location


@dataclass(frozen=True, slots=True)
class Cut:
    """A value that required grad, and a result that does not: one per place in the source.

    Attributes:
        kind: `detach`, `data`, `item`, `tolist`, `numpy`, `number` (float(), int(), bool() of a tensor), `new_tensor`
            (torch.tensor or torch.Tensor of tensors), `parameter` (nn.Parameter of a result), `no_grad`,
            `inference_mode`, `not_differentiable` (a comparison, argmax, a cast to integers: the result cannot
            require grad), `gradient` (what torch.autograd.grad returned without `create_graph`).
        call: the function that was called: `detach`, `argmax`, `item`.
        source: what a person would call the value that was cut off, else None.
        name: the name to which the result was assigned, else None.
        leaves: ids of the leaves from which the value derives: those that get no gradient this way.
        count: how often it happened.
        reentry: where the result, or what was made of it, first came back into a graph, as a constant.
        passes: indices of the passes in whose graph it did.
        module: the module that was running.
    """

    id: int
    kind: str
    call: str
    location: Location | None
    source: str | None = None
    name: str | None = None
    leaves: tuple[int, ...] = ()
    count: int = 1
    reentry: Location | None = None
    passes: tuple[int, ...] = ()
    module: str | None = None
    process: int = 0
