"""What a diagnosis asks of a run beyond what a picture needs."""

from dataclasses import replace

from gradtrace.cli.request import Request
from gradtrace.launch import TargetKind
from gradtrace.model.needs import Needs

_PASSES = ((1, 20),)


def in_depth(request: Request, needs: Needs) -> Request:
    """Records facts, what is needed, and more passes, unless other passes were asked for."""
    if request.target.kind is TargetKind.RECORDING:
        return request
    settings = replace(request.settings, facts=True, needs=needs, small_passes=0)
    if not request.has_passes:
        settings = replace(settings, passes=_PASSES)
    return replace(request, settings=settings)
