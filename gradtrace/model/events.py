"""What happened between passes."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.location import Location


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to the run, in order.

    Attributes:
        order: position among the events of the run, from 0.
        kind: `backward` (a pass ran), `zero_grad` (Optimizer.zero_grad or Module.zero_grad), `grad_cleared` (`.grad`
            set to None or to zeros by the program itself), `grad_modified` (clipped, scaled, assigned: anything else
            that changed `.grad`), `step` (Optimizer.step), and, when facts for a diagnosis were asked for,
            `requires_grad` (switched by the program; `call` says which way: `requires_grad = False`), `grad_read`
            (the program read `.grad` and it was None; `call` is `leaf` or `non-leaf`) and `grad_alias` (it read a
            `.grad` for which a variable already stands, since nothing was copied; `call` is its name).
        pass_index: the pass that it is (`backward`) or the last pass before it (0: before the first).
        leaves: ids of the leaves concerned.
        set_to_none: for `zero_grad` and `grad_cleared`: True to None, False to zeros, None when neither applies.
        optimizer: id of the optimizer, for `zero_grad` and `step`.
        call: what did it, as text: `SGD.zero_grad`, `Module.zero_grad`, `Tensor.grad = None`, `clip_grad_norm_`; ""
            when not seen.
        count: how many times in a row it stands for (repeating passes after the recorded ones are counted, not listed).
    """

    order: int
    kind: str
    pass_index: int
    leaves: tuple[int, ...] = ()
    location: Location | None = None
    set_to_none: bool | None = None
    optimizer: int | None = None
    call: str = ""
    count: int = 1
    process: int = 0
