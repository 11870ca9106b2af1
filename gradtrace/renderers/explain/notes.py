"""What a newcomer has to know about this very run, each said only where it applies."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from gradtrace.analysis.by_value import concerned
from gradtrace.analysis.ledger import History, Ledger, Pattern
from gradtrace.analysis.training_steps import inner
from gradtrace.model import (
    CLEARING,
    STORED,
    BackwardPass,
    BystanderKind,
    CutKind,
    Effect,
    Event,
    EventKind,
    Graph,
    LeafKind,
    Node,
    NodeOutput,
    ParameterChange,
    Recorded,
    Trace,
)
from gradtrace.renderers.explain.shared_memory import written_between
from gradtrace.text import wording
from gradtrace.text.cut_words import cuts_of
from gradtrace.text.source_maths import span
from gradtrace.text.steps.calls import is_write, made_by, word
from gradtrace.text.steps.outputs import is_several

_LARGEST_LESSON = 40
"""Nodes of a graph in which intermediate tensors are worth a word; in larger ones they are nothing special."""


def notes(
    trace: Trace,
    ledger: Ledger,
    one: BackwardPass | None,
    shown: BackwardPass | None,
    *,
    verbose: bool = False,
) -> tuple[str, ...]:
    """All notes that apply to the run and to the pass that is told, the most particular first.

    Args:
        trace: the run.
        ledger: the history of every `.grad`.
        one: the pass that is told.
        shown: the same with the nodes that are shown.
        verbose: with the rules of the game.
    """
    found: list[str] = list(dict.fromkeys(note for note in trace.run.notes if note.strip()))
    if one is not None and shown is not None:
        for write in _OF_A_PASS:
            found += write(trace, shown)
        found += written_between(trace, one)
    found += _nothing_requires_grad(trace)
    found += _not_required(trace, one)
    found += _numpy_of_a_result(trace)
    found += _standing_still(trace)
    found += _other_lines(trace, one)
    found += _accumulation(trace, ledger)
    found += _none_or_zeros(trace, ledger)
    if verbose:
        found += _always(trace)
    return tuple(found)


def _non_leaves(trace: Trace, one: BackwardPass) -> Iterator[str]:
    """Intermediate tensors with a name: where their gradient went."""
    if one.graph is None or len(one.graph.nodes) > _LARGEST_LESSON or one.is_drawn_only or one.error is not None:
        return
    by_name = _named_results(one, one.graph)
    plain = [name for name, (_, output) in by_name.items() if not output.retains_grad]
    if len(plain) == 1:
        name = plain[0]
        node, output = by_name[name]
        yield (
            f"{_made_by(node, name)} is not a leaf, so it keeps no .grad (it stays None); its gradient was "
            f"{wording.gradient(output.received)}. {name}.retain_grad() before backward() keeps it."
        )
    elif plain:
        yield (
            f"{wording.listing(plain)} are not leaves, so they keep no .grad (it stays "
            "None), though a gradient went through each; retain_grad() before backward() keeps it."
        )
    for name, (node, output) in by_name.items():
        if output.retains_grad:
            yield (
                f"{_made_by(node, name)} is not a leaf; retain_grad() made it keep its gradient, "
                f"{wording.gradient(output.received)}."
            )
    here = {node.leaf for node in one.graph.nodes}
    tensors = [leaf for leaf in trace.leaves if leaf.kind == LeafKind.TENSOR and leaf.id in here]
    own = list(dict.fromkeys(leaf.name for leaf in tensors))
    if by_name and own:
        names, verb = wording.listing(own), "is a leaf" if len(own) == 1 else "are leaves"
        yield f"{names} {verb}: made with requires_grad=True and not computed from anything, so .grad is kept there."


def _named_results(one: BackwardPass, graph: Graph) -> dict[str, tuple[Node, NodeOutput]]:
    """By name, each result between roots and leaves at which a gradient arrived."""
    roots = {root.node for root in one.roots}
    found: dict[str, tuple[Node, NodeOutput]] = {}
    for node in graph.nodes:
        if node.leaf is None and node.id not in roots:
            for output in node.outputs:
                name = output.name or (node.name if output is node.outputs[0] else None)
                if name and output.received is not None:
                    found.setdefault(name, (node, output))
    return found


def _made_by(node: Node, name: str) -> str:
    if is_several(node):
        return name
    made = made_by(node, name)
    return f"{name} (after {made})" if is_write(node) and not made.startswith(f"{name} (") else made


def _constants(trace: Trace, one: BackwardPass) -> Iterator[str]:
    """Values of an expression that were defined without a gradient."""
    names = [word.split(":=")[0].strip() for word in trace.run.argv if ":=" in word.split("=")[0] + "="]
    computed = {node.name for node in one.graph.nodes if node.leaf is None} if one.graph is not None else set()
    names = [name for name in names if name not in computed]  # a statement may give the name to a result
    if trace.run.expression is None or not names:
        return
    does, it = ("does", "it") if len(names) == 1 else ("do", "them")
    yield (
        f"{wording.listing(names)} {does} not require grad (requires_grad is False unless it is asked for), "
        f"so no gradient is sent to {it}."
    )


def _integers(trace: Trace, one: BackwardPass) -> Iterator[str]:
    """Integer inputs choose, they have no slope."""
    del trace
    if one.graph is None or len(one.graph.nodes) > _LARGEST_LESSON:
        return
    for node in one.graph.nodes:
        for saved in node.saved:
            # A Python number in the program is an integer without a shape, and chooses nothing.
            if (
                saved.shape
                and (saved.dtype or "").startswith(("int", "uint", "bool"))
                and not saved.name.startswith("result")
            ):
                kind = wording.spec(saved.shape, saved.dtype)
                yield (
                    f"{saved.name} of {word(node)} is {kind}: integers and booleans choose elements, "
                    "and cannot require grad."
                )
                return


def _got_nothing(trace: Trace, one: BackwardPass) -> Iterator[str]:
    """Leaves without a contribution, and why."""
    if one.is_drawn_only:
        return
    in_graph = {node.leaf for node in one.graph.nodes if node.leaf is not None} if one.graph is not None else None
    missing = [row.leaf for row in one.accumulations if row.effect == Effect.UNCHANGED]
    inside = [leaf for leaf in missing if in_graph is not None and leaf in in_graph]
    outside = [leaf for leaf in missing if in_graph is not None and leaf not in in_graph]
    for leaves, why in ((inside, "in the graph, but no gradient was sent there"), (outside, "not in its graph")):
        if leaves:
            names = wording.listing([trace.leaves[leaf].name for leaf in leaves])
            verb = "it is" if len(leaves) == 1 else "they are"
            yield f"{names} got nothing in pass {one.index}: {verb} {why}."


def _rewritten(trace: Trace, one: BackwardPass) -> Iterator[str]:
    """Hooks that changed a gradient on its way."""
    for node in one.graph.nodes if one.graph is not None else ():
        for output in node.outputs:
            if output.arrived is None or output.arrived == output.received:
                continue
            if node.leaf is not None:
                yield (
                    f"a hook of {trace.leaves[node.leaf].name} rewrote its gradient: "
                    f"{wording.gradient(output.arrived)} arrived, {wording.gradient(output.received)} was added."
                )
            elif output.hooks:
                yield (
                    f"a hook{wording.at(output.hooks[0])} rewrote the gradient of {node.name or word(node)}: "
                    f"{wording.gradient(output.arrived)} arrived, {wording.gradient(output.received)} went on."
                )


def _returned(trace: Trace, one: BackwardPass) -> Iterator[str]:
    """What `autograd.grad` does instead of filling `.grad`."""
    del trace
    if any(row.effect == Effect.NOT_STORED for row in one.accumulations):
        yield "autograd.grad returns the gradients; it leaves every .grad as it was."


def _constants_of_cuts(trace: Trace, one: BackwardPass) -> Iterator[str]:
    """Values that were computed from tensors with gradients and came back as constants."""
    told = replace(trace, cuts=tuple(cut for cut in trace.cuts if cut.kind != CutKind.NOT_DIFFERENTIABLE))
    yield from (f"{said}." for said in cuts_of(told, one))


_OF_A_PASS: tuple[Callable[[Trace, BackwardPass], Iterator[str]], ...] = (
    _constants_of_cuts,
    _non_leaves,
    _constants,
    _integers,
    _got_nothing,
    _rewritten,
    _returned,
)


def _nothing_requires_grad(trace: Trace) -> Iterator[str]:
    """What torch means by "element 0 of tensors does not require grad", where no finding tells the cause."""
    if trace.findings:
        return
    for one in trace.passes:
        if one.error is not None and "does not require grad" in one.error.message:
            root = (one.roots[0].name if one.roots else None) or "the root"
            yield (
                f"{root} does not require grad: either nothing that it was computed from does (requires_grad is False "
                "unless it is asked for), or detach(), .data, item() or torch.no_grad() cut the way."
            )
            return


def _not_required(trace: Trace, one: BackwardPass | None) -> Iterator[str]:
    """Tensors that were made without requires_grad, where their `.grad` was read or the leaves are plain tensors."""
    by_name = {aside.name: aside for aside in trace.bystanders if aside.kind == BystanderKind.REQUIRES_NO_GRAD}
    seen: set[str] = set()
    for event in trace.events:
        read = span(event.location)
        name = read.removesuffix(".grad")
        aside = by_name.get(name)
        if event.kind != EventKind.GRAD_READ or aside is None or name == read or name in seen:
            continue
        seen.add(name)
        yield (
            f"{read}{wording.at(event.location)} is None because {name} was made without requires_grad"
            f"{wording.at(aside.location)}."
        )
    if one is None or one.graph is None or len(one.graph.nodes) > _LARGEST_LESSON or one.is_drawn_only:
        return
    leaves = {trace.leaves[node.leaf].kind for node in one.graph.nodes if node.leaf is not None}
    names = [name for name, aside in by_name.items() if aside.pass_index == one.index and name not in seen]
    names = [name for name in names if name.isidentifier()]
    if leaves == {LeafKind.TENSOR} and 0 < len(names) <= _FEW:
        was, its = ("was", "its") if len(names) == 1 else ("were", "their")
        yield f"{wording.listing(names)} {was} made without requires_grad, so {its} .grad stays None."


_FEW = 4


def _numpy_of_a_result(trace: Trace) -> Iterator[str]:
    """What torch means by "Can't call numpy() on Tensor that requires grad"."""
    error = trace.run.error
    if error is not None and "Can't call numpy() on Tensor that requires grad" in error.message:
        yield (
            "numpy knows nothing of gradients, so a tensor that requires grad is not given to it: detach().numpy() "
            "gives the values alone, and what numpy computes from them is a constant."
        )


def _standing_still(trace: Trace) -> Iterator[str]:
    """Passes with one and the same root and gradients, although steps between them moved what they are computed of."""
    full = [one for one in trace.passes if one.recorded == Recorded.FULL and one.roots and one.accumulations]
    moved = {step.pass_index for step in trace.steps if any(_has_moved(change) for change in step.changes)}
    for line in dict.fromkeys(one.location for one in full):
        alike = [one for one in full if one.location == line]
        told = {_numbers(one) for one in alike}
        if len(alike) >= _MANY and len(told) == 1 and None not in told and all(i.index in moved for i in alike[:-1]):
            first = alike[0]
            name, value = first.roots[0].name or "the root", wording.value(first.roots[0].value)
            yield (
                f"{name} was {value} in each of passes {first.index}-{alike[-1].index}, with the same gradients, "
                "though step() moved the parameters each time: the passes do not see the new values."
            )


_MANY = 3


def _has_moved(change: ParameterChange) -> bool:
    return isinstance(change.change, int | float) and change.change > 0


def _numbers(one: BackwardPass) -> tuple[object, ...] | None:
    """What a pass began with and added, as far as it was measured; None where it was not, or was nothing."""
    roots = tuple(root.value.norm if root.value is not None else None for root in one.roots)
    added = tuple((row.leaf, row.contribution.norm) for row in one.accumulations if row.contribution is not None)
    is_nothing = not any(norm for _, norm in added)
    return None if None in roots or is_nothing else (roots, added)


def _other_lines(trace: Trace, one: BackwardPass | None) -> Iterator[str]:
    """Passes that other lines started and that are not told here: how to see one."""
    if one is None or one.is_drawn_only:
        return
    inside = inner(trace)
    others: dict[object, BackwardPass] = {}
    for each in trace.passes:
        if each.index not in inside and not each.is_drawn_only and each.location not in (one.location, None):
            known = others.setdefault(each.location, each)
            if known.graph is None and each.graph is not None:
                others[each.location] = each
    told = [
        f"--pass {each.index} tells one{wording.at(each.location).replace(' at ', ' of ', 1)}"
        if each.graph is not None
        else f"--passes {each.index} records one{wording.at(each.location).replace(' at ', ' of ', 1)}"
        for each in others.values()
    ]
    if told:
        yield f"pass {one.index}{wording.at(one.location)} is told here; {wording.listing(told, 4)}."


def _accumulation(trace: Trace, ledger: Ledger) -> Iterator[str]:
    """Passes that add up before a step reads them: meant, or forgotten."""
    windows: dict[int, set[int]] = {}
    for one in ledger.verdicts:
        if one.pattern is Pattern.ACCUMULATES and one.is_split and one.n_steps and one.step_after == one.window:
            windows.setdefault(one.window, set()).update(one.passes)
    for window, indices in sorted(windows.items()):
        known = [one for one in trace.passes if one.index in indices and one.graph is not None]
        is_mean = bool(known) and all(_is_divided(one, window) for one in known)
        how = (
            f"each begins at a loss divided by {window}" if is_mean else f"for their mean, divide each loss by {window}"
        )
        yield f"each step() read the sum of {window} passes: accumulation that looks meant ({how})."
    if any(one.pattern is Pattern.NEVER_ZEROED and one.n_steps > 1 for one in ledger.verdicts):
        yield (
            "backward() adds to .grad, it does not replace it: step() reads the sum of all passes so far. This looks "
            "forgotten: unless it is meant, call optimizer.zero_grad() before each backward()."
        )


def _is_divided(one: BackwardPass, n: int) -> bool:
    """Whether the operations at which a pass begins, each with one input, make its gradient the n-th part."""
    if one.graph is None or len(one.roots) != 1:
        return False
    number: int | None = one.roots[0].node
    for _ in range(_MOST_SCALINGS):
        edges = [edge for edge in one.graph.edges if edge.source == number]
        if number is None or len(edges) != 1:
            return False
        received, sent = one.graph.nodes[number].received, edges[0].sent
        norms = [stats.norm for stats in (sent, received) if stats is not None and stats.numel == 1 and stats.norm]
        if len(norms) > 1 and math.isclose(norms[0] * n, norms[1], rel_tol=1e-3):
            return True
        number = edges[0].target
    return False


_MOST_SCALINGS = 4


def _none_or_zeros(trace: Trace, ledger: Ledger) -> Iterator[str]:
    """What a leaf that got nothing keeps after zeroing, and what the next step makes of it."""
    if not any(event.kind == EventKind.STEP for event in trace.events):
        return
    kept: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for history in ledger.histories:
        for to_none in _left_without(trace, history):
            kept[to_none][history.leaf.name] = None
    held = {leaf.id for leaf in trace.leaves if leaf.optimizers}
    if kept[False] or any(_leaves_zeros(trace, event, held) for event in trace.events):
        names = wording.listing(list(kept[False]))
        who = f"{names} got nothing in a pass and kept zeros" if names else "a leaf that gets nothing then keeps zeros"
        yield (
            f".grad was set to zeros, not to None: {who}, which step() still reads, so that momentum and weight decay "
            "move it; None would be skipped."
        )
    if kept[True]:
        names = wording.listing(list(kept[True]))
        yield f"{names} got nothing in a pass after .grad was set to None, and step() skips a leaf whose .grad is None."


def _leaves_zeros(trace: Trace, event: Event, held: set[int]) -> bool:
    """Whether it set the `.grad` of a leaf to zeros that an optimizer holds."""
    return event.kind in CLEARING and event.set_to_none is False and not held.isdisjoint(concerned(trace, event))


def _left_without(trace: Trace, history: History) -> Iterator[bool]:
    """For each full pass that gave a zeroed leaf of an optimizer nothing, whether it had been set to None."""
    if not history.leaf.optimizers:
        return
    stored = {entry.backward.index for entry in history.contributions if entry.accumulation.effect in STORED}
    clears = [entry for entry in history.entries if isinstance(entry, Event) and entry.kind in CLEARING]
    inside = inner(trace)
    for one in trace.passes:
        if one.index in inside:
            # It returns its gradients; what is to come into .grad is still to come.
            continue
        before = [event for event in clears if event.pass_index < one.index and event.set_to_none is not None]
        is_told = (
            one.error is None and one.recorded == Recorded.FULL and not one.is_drawn_only and one.index not in stored
        )
        if is_told and before and any(index < one.index for index in stored):
            # What came since the last zeroing is still there.
            last = before[-1]
            if not any(last.pass_index < index < one.index for index in stored):
                yield bool(last.set_to_none)


def _always(trace: Trace) -> Iterator[str]:
    """The rules of the game, for who asks for more."""
    yield "backward() adds to .grad; it never replaces what is there."
    if any(event.set_to_none is True for event in trace.events if event.kind == EventKind.ZERO_GRAD):
        yield (
            "zero_grad() set .grad to None (its default): the next pass creates it anew, and a leaf that gets nothing "
            "keeps None, which step() skips."
        )
