"""An optimizer refuses a gradient because it is sparse, or because it is not.

## What it does

Looks for embeddings with `sparse=True` whose optimizer cannot use sparse gradients, and for weights that get a sparse
and a dense gradient, the sum of which `SparseAdam` refuses.

## Why is this bad?

`step()` stops. A weight that is looked up as sparse and used as a whole besides, as the weight of the output layer,
gets a dense gradient: nothing is left of what `sparse=True` was to save.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
embed = nn.Embedding(10, 4, sparse=True)
project = nn.Linear(4, 10, bias=False)
project.weight = embed.weight
opt = torch.optim.SparseAdam(embed.parameters())
ids = torch.tensor([1, 2])
nn.functional.cross_entropy(project(embed(ids)), ids).backward()
opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
embed = nn.Embedding(10, 4)
project = nn.Linear(4, 10, bias=False)
project.weight = embed.weight
opt = torch.optim.Adam(embed.parameters())
ids = torch.tensor([1, 2])
nn.functional.cross_entropy(project(embed(ids)), ids).backward()
opt.step()
```

## How it is detected

The exception that ended the program speaks of sparse or dense gradients. In the graph of the pass before, lookups with
`sparse=True` are the operations that send sparse gradients; a leaf that any other operation sends to as well gets a
dense sum.

## Known problems

An exception that the program catches is taken as expected and is not reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import Failure, failure, notes
from gradtrace.diagnosis.evidence.ownership import called, owners
from gradtrace.diagnosis.evidence.sparse_leaves import SparseLeaf, sparse_leaves
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Leaf, RelatedLocation, Severity, Trace

_SAID = r"(sparse|dense) gradients?\b|Sparse(CPU|CUDA)\b"
_REFUSES_DENSE = re.compile("not support dense gradient", re.IGNORECASE)
_NO_KERNEL = re.compile(r"Sparse(CPU|CUDA)\b")
"""What torch says where an operation knows nothing of sparse tensors: a norm, for clipping."""

_MOST = 4


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding, if the program ended so."""
    found = failure(trace, _SAID)
    if found is None:
        return
    if _REFUSES_DENSE.search(found.message):
        yield _dense(trace, found)
    elif sparse_leaves(trace):
        yield _sparse(trace, found)


def _dense(trace: Trace, found: Failure) -> Finding:
    """A dense gradient where sparse ones are wanted: of a leaf that is used as a whole too, or of any other."""
    mixed = next((one for one in sparse_leaves(trace).values() if one.dense), None)
    if mixed is not None:
        place = next((node.location for node in mixed.dense if node.location is not None), found.place)
        return Finding(
            "sparse-meets-dense",
            Severity.ERROR,
            f"{mixed.leaf.name} is looked up as sparse and used as a whole: its gradient is dense",
            place,
            tuple(note for note in (*_lookups(mixed), *_refused(found)) if note.location != place),
            "Do not share this weight, or make the embedding with `sparse=False` and give it to a dense optimizer.",
            (mixed.leaf.id,),
        )
    dense = _of_sparse_optimizer(trace)
    return Finding(
        "sparse-meets-dense",
        Severity.ERROR,
        f"a sparse optimizer holds {called(dense) if dense else 'a parameter'}, whose gradient is dense",
        found.place,
        notes(*((leaf.location, f"{leaf.name} is made here") for leaf in dense[:_MOST])),
        "Give it to `torch.optim.Adam`, or, if it is an embedding's weight, make that with `sparse=True`.",
        tuple(leaf.id for leaf in dense),
    )


def _of_sparse_optimizer(trace: Trace) -> tuple[Leaf, ...]:
    sparse = {one.id for one in trace.optimizers if one.type == "SparseAdam"}
    known = sparse_leaves(trace)
    held = owners(trace)
    return tuple(leaf for leaf in trace.leaves if held.get(leaf.id, frozenset()) & sparse and leaf.id not in known)


def _sparse(trace: Trace, found: Failure) -> Finding:
    """A sparse gradient where dense ones are wanted."""
    purely = [one for one in sparse_leaves(trace).values() if not one.dense] or list(sparse_leaves(trace).values())
    leaves = tuple(one.leaf for one in purely)
    advice = "Make the embedding with `sparse=False`, or give its weight to a `torch.optim.SparseAdam` of its own."
    if _NO_KERNEL.search(found.message):
        advice = "Make the embedding with `sparse=False`, or leave its weight out of this call."
    return Finding(
        "sparse-meets-dense",
        Severity.ERROR,
        f"the gradient of {called(leaves)} is sparse, which is not supported here",
        found.place,
        tuple(note for one in purely[:_MOST] for note in _lookups(one)),
        advice,
        tuple(leaf.id for leaf in leaves),
    )


def _lookups(one: SparseLeaf) -> tuple[RelatedLocation, ...]:
    return notes(
        (one.leaf.location, f"{one.leaf.name} is made here"),
        *((node.location, "this lookup sends it a sparse gradient") for node in one.sparse[:_MOST]),
    )


def _refused(found: Failure) -> tuple[RelatedLocation, ...]:
    return notes((found.place, "and the optimizer refuses the sum here"))


RULE = Rule(
    name="sparse-meets-dense",
    severity=Severity.ERROR,
    summary="An optimizer refuses a gradient because it is sparse, or because it is not.",
    check=check,
    page=__doc__ or "",
)
