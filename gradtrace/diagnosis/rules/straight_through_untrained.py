"""A value enters the loss only through the detached part of a straight-through estimator.

## What it does

Looks for parameters, such as a codebook, that no pass trains, and whose values come into the loss only as the constant
of `x + (q - x).detach()`.

## Why is this bad?

The estimator hands its gradient to `x`, as it should; `q` needs a loss of its own. A codebook loss that is computed
from the estimator's result, in which the code vectors are detached, moves the encoder and never the codebook.

## Example

```python
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
encoder, decoder, codebook = nn.Linear(6, 2), nn.Linear(2, 6), nn.Embedding(5, 2)
opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters(), *codebook.parameters()])
x = torch.randn(16, 6)
for _ in range(3):
    z = encoder(x)
    code = codebook(torch.cdist(z, codebook.weight).argmin(dim=1))
    passed = z + (code - z).detach()
    codebook_loss = F.mse_loss(passed, z.detach())
    loss = F.mse_loss(decoder(passed), x) + codebook_loss
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
encoder, decoder, codebook = nn.Linear(6, 2), nn.Linear(2, 6), nn.Embedding(5, 2)
opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters(), *codebook.parameters()])
x = torch.randn(16, 6)
for _ in range(3):
    z = encoder(x)
    code = codebook(torch.cdist(z, codebook.weight).argmin(dim=1))
    passed = z + (code - z).detach()
    codebook_loss = F.mse_loss(code, z.detach())
    loss = F.mse_loss(decoder(passed), x) + codebook_loss
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## How it is detected

A sum that takes in, as a constant, a value which was computed from what the sum passes its gradient to, and from more,
is such an estimator. Leaves of the constant that an optimizer holds and no pass gives a gradient are reported; the
line is that of a comparison between the estimator and the detached value that it passes gradients to, if there is one.

## Known problems

Where there is no such comparison and the values move all the same, they are trained by other means (moving averages):
that is only an information.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import called_as, notes, of_pass
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.evidence.straight_through import Untrained, untrained
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every estimator behind which leaves stay as they are."""
    for one in untrained(trace):
        misused = one.misused
        place = misused.location if misused is not None else one.node.location
        names = called(one.leaves)
        told = notes(
            (one.cut.location, f"the part with {names} is detached here, as a straight-through estimator does"),
            (one.node.location, "the estimator passes its gradient on to its other part alone"),
        )
        yield Finding(
            "straight-through-untrained",
            Severity.INFO if misused is None and one.are_moving else Severity.WARNING,
            _message(one, names),
            place,
            tuple(note for note in told if note.location != place),
            _advice(one),
            tuple(leaf.id for leaf in one.leaves),
            of_pass(one.backward),
        )


def _message(one: Untrained, names: str) -> str:
    if one.misused is None:
        return f"{names} comes into the loss only detached, in a straight-through estimator"
    return f"This `{called_as(one.misused)}` cannot train {names}, which is detached in what it compares"


def _advice(one: Untrained) -> str:
    where = "this loss" if one.misused is not None else "a codebook loss"
    return (
        f"Leave the `.detach()` of the estimator as it is, and compute {where} from the vectors themselves, before "
        "they enter the estimator: `F.mse_loss(code, z.detach())`."
    )


RULE = Rule(
    name="straight-through-untrained",
    severity=Severity.WARNING,
    summary="A value enters the loss only through the detached part of a straight-through estimator.",
    check=check,
    page=__doc__ or "",
)
