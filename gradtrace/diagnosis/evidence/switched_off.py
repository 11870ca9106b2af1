"""What switched gradients off where a result was computed without them, in words."""

from __future__ import annotations

from collections.abc import Sequence

from gradtrace.model import Cut, CutKind, GradSwitch, RelatedLocation, SwitchKind

_SAID = {
    SwitchKind.WITH: "`{call}` switches gradients off for this block",
    SwitchKind.DECORATOR: "`{call}` switches gradients off for this whole function",
    SwitchKind.CALL: "gradients are switched off here, until something switches them on",
    SwitchKind.CHECKPOINT: "`checkpoint` runs its function without gradients first",
    SwitchKind.FUNCTION: "gradients are off inside the `forward` of a custom Function",
    SwitchKind.BACKWARD: "gradients are off while this runs backward: it does not create a graph",
}
_MOST = 3


def switched_here(switch: GradSwitch | None) -> list[RelatedLocation]:
    """The place that switched gradients off, with what it did."""
    if switch is None or switch.location is None or switch.kind not in _SAID:
        return []
    return [RelatedLocation(switch.location, _SAID[switch.kind].format(call=switch.call))]


def also_here(cuts: Sequence[Cut]) -> list[RelatedLocation]:
    """Other lines that ran without gradients for the same reason."""
    places = dict.fromkeys(cut.location for cut in cuts if cut.location is not None)
    return [RelatedLocation(place, "and this runs without gradients too") for place in list(places)[:_MOST]]


def by_what(cut: Cut) -> str:
    """`under no_grad`, `inside the forward of a custom Function`: how a line came to run without gradients."""
    switch = cut.switch
    if switch is not None and switch.kind is SwitchKind.FUNCTION:
        return f"inside `{switch.call}`, without gradients"
    if switch is not None and switch.kind is SwitchKind.BACKWARD:
        return "inside a backward pass, without gradients"
    return "under inference_mode" if cut.kind is CutKind.INFERENCE_MODE else "under no_grad"


def repair(cut: Cut, *, is_pass_inside: bool) -> str:
    """What to change, so that a line runs with gradients.

    Args:
        cut: where it runs without.
        is_pass_inside: the pass that finds no graph begins where gradients are off too.
    """
    switch = cut.switch
    if is_pass_inside or (switch is not None and switch.kind in {SwitchKind.FUNCTION, SwitchKind.BACKWARD}):
        return (
            "Compute it in `with torch.enable_grad():`, from `x = x.detach().requires_grad_()` if it is differentiated "
            "by `x`."
        )
    if switch is None or switch.location is None:
        return "Move this computation out of `torch.no_grad()`, and keep a separate function for prediction."
    if switch.location.via is not None:
        return f"A library switches gradients off there: call it with gradients on, or compute `{cut.call}` outside."
    if switch.kind is SwitchKind.DECORATOR:
        function = switch.location.function.rpartition(".")[2]
        return f"Take `@{switch.call}()` off `{function}`, and keep a separate function for prediction."
    return f"Move `{cut.call}` out of the block that `{switch.call}` begins in line {switch.location.line}."
