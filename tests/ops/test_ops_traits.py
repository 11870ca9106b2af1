"""What a row says about an op is what torch does, on samples of torch's own op database."""

from __future__ import annotations

import contextlib
import itertools
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from observed_ops import Observed, first_samples, nodes, observe
from torch.utils._pytree import tree_leaves

from gradtrace.formulas import traits
from gradtrace.formulas.catalogue import CATALOGUE
from gradtrace.formulas.derivatives import derivatives
from gradtrace.formulas.trait_kinds import Breaks, Traits
from gradtrace.formulas.trait_rows import ROWS

N_SAMPLES = 3
MOST_ELEMENTS = 200
ENOUGH = 4
"""So many samples of a node type are looked at."""

Answer = bool | None
"""None: this sample cannot tell."""


class Sample:
    """One op with its arguments, to be run again on others."""

    def __init__(self, known: Observed) -> None:
        self.known, self.call = known, known.call
        given = known.call.arguments
        self.tensors = {name: one for name, one in given.items() if _is_real(one)}
        self.lists = {
            name: one for name, one in given.items() if isinstance(one, (list, tuple)) and any(map(_is_real, one))
        }
        self.results = [one for one in tree_leaves(known.call.results) if isinstance(one, torch.Tensor)]
        self.input = self.tensors.get("self", next(iter(self.tensors.values()), None))
        self.result = self.results[0] if self.results else None

    def run(self, changed: dict[str, Any] | None = None) -> torch.Tensor:
        """The first result, with some arguments changed."""
        torch.manual_seed(0)
        with torch.no_grad():
            out = self.call.again(**self.call.arguments | (changed or {}))  # type: ignore[misc]
        return next(one for one in tree_leaves(out) if isinstance(one, torch.Tensor))

    def mapped(self, change: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """The result where every input is changed alike."""
        lists = {name: [change(one) if _is_real(one) else one for one in each] for name, each in self.lists.items()}
        return self.run({name: change(one) for name, one in self.tensors.items()} | lists)

    def sent(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """What came to the first result and what went to an input, where none of the former is zero."""
        received = next(iter(self.known.received), None)
        if (
            received is not None
            and received.numel()
            and received.layout is torch.strided
            and bool((received != 0).all())
        ):
            yield from (
                (received, one)
                for one in self.known.sent
                if one is not None and one.layout is torch.strided and one.numel()
            )


def _is_real(one: Any) -> bool:
    return isinstance(one, torch.Tensor) and one.is_floating_point() and one.layout is torch.strided


def shares(sample: Sample) -> Answer:
    return sample.call.shares if sample.result.numel() and sample.result.layout is torch.strided else None


def elements(sample: Sample) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Of the input and of all results."""
    results = [one.reshape(-1) for one in sample.results if one.is_floating_point()]
    if sample.input is None or not results or sample.input.numel() < 2:
        return None
    return sample.input.reshape(-1).to(results[0].dtype), torch.cat(results)


def picks(sample: Sample) -> Answer:
    known = elements(sample)
    taken = sample.tensors.get("weight") if sample.known.type.startswith("Embedding") else None
    return None if known is None else bool(torch.isin(known[1], known[0] if taken is None else taken).all())


def passes_all(sample: Sample) -> Answer:
    known = elements(sample)
    if known is None or not sample.result.numel():
        return None
    return bool(torch.isin(*known).all() and torch.isin(*known[::-1]).all())


def is_elementwise(sample: Sample) -> Answer:
    """No other element changes with an element of an input."""
    base = sample.run()
    if not base.is_floating_point() or base.numel() < 2:
        return None
    asked = False
    for name, tensor in sample.tensors.items():
        if not tensor.numel():
            continue
        if not _fits(tensor.shape, base.shape):
            return False
        place = torch.zeros(tensor.numel(), dtype=torch.bool)
        place[tensor.numel() // 2] = True
        place = place.reshape(tensor.shape)
        after = sample.run({name: torch.where(place, tensor / 2, tensor)})
        if after.shape != base.shape:
            return False
        same = (after == base) | (after.isnan() & base.isnan())
        if not bool((same | place.expand(base.shape)).all()):
            return False
        asked = True
    return True if asked else None


def _fits(shape: torch.Size, whole: torch.Size) -> bool:
    try:
        return torch.broadcast_shapes(shape, whole) == whole
    except RuntimeError:
        return False


def is_linear(sample: Sample) -> Answer:
    """f(x + y) + f(0) = f(x) + f(y)."""
    base = sample.run()
    if base.dtype is not torch.float64:
        return None

    def other(one: torch.Tensor) -> torch.Tensor:
        return torch.rand(one.shape, dtype=one.dtype, generator=torch.Generator().manual_seed(one.numel())) - 0.5

    both, single, none = (
        sample.mapped(lambda one: one + other(one)),
        sample.mapped(other),
        sample.mapped(torch.zeros_like),
    )
    return torch.allclose(both + none, base + single, equal_nan=True)


def is_scaling(sample: Sample) -> Answer:
    """f(2x) = 2 f(x) in what it scales; what it sends there does not depend on that."""
    if "self" not in sample.tensors:
        return None
    return torch.allclose(sample.run({"self": 2 * sample.input}), 2 * sample.run(), equal_nan=True)


def is_addition(sample: Sample) -> Answer:
    if sample.call.arguments.get("alpha", 1) != 1:
        return None
    same = [one.shape != got.shape or torch.equal(one.abs(), got.abs()) for got, one in sample.sent()]
    return all(same) if same else None


def spreads(sample: Sample) -> Answer:
    """Where a whole is reduced, each element gets one and the same."""
    whole = [bool((one == one.reshape(-1)[0]).all()) for got, one in sample.sent() if got.numel() == 1]
    return all(whole) if whole else None


def is_mean(sample: Sample) -> Answer:
    return None if sample.result.numel() != 1 else torch.allclose(sample.result, sample.input.mean())


def compares(sample: Sample) -> Answer:
    other = "target" if "target" in sample.tensors else "other"
    scale = sample.call.arguments.get("alpha", 1)
    if other not in sample.tensors or scale != 1:
        return None
    return not bool(sample.run({other: sample.input}).any())


def is_softmax(sample: Sample) -> Answer:
    """Numbers or logarithms of numbers that add up to 1 along its dimension, where there is anything to divide."""
    if not sample.result.numel():
        return None
    dim = sample.call.arguments["dim"]
    sums = [one.sum(dim) for one in (sample.result, sample.result.exp())]
    return any(
        torch.allclose(one[(one != 0) & ~one.isnan()], torch.ones(())) for one in (each.double() for each in sums)
    )


def is_probability(sample: Sample) -> Answer:
    return not bool((sample.result < 0).any())


def is_guard(sample: Sample) -> Answer:
    """It sends on what arrives, or nothing."""
    same = [bool(((one == got) | (one == 0)).all()) for got, one in sample.sent() if one.shape == got.shape]
    return all(same) if same and sample.call.arguments.get("alpha", 1) == 1 else None


def is_saturating(sample: Sample) -> Answer:
    """Its slope near zero is far from that at 15, which is not zero."""
    given = torch.tensor([-15.0, 0.0, 15.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(sample.call.again(given).sum(), given)  # type: ignore[misc]
    return bool(slope[1] > 0.1 and 0 < slope[0] < 1e-4 and 0 < slope[2] < 1e-4)


def is_flat(sample: Sample) -> Answer:
    zeros = [not bool(one.any()) for _, one in sample.sent()]
    return all(zeros) if zeros else None


def is_choice(sample: Sample) -> Answer:
    given = torch.cat([one.reshape(-1) for one in sample.tensors.values()])
    value = torch.as_tensor(sample.call.arguments.get("value", given[:1]), dtype=given.dtype)
    known = torch.isin(sample.result, torch.cat([given, value.reshape(-1)])) | sample.result.isnan()
    return bool(known.all()) if given.numel() else None


def is_norm(sample: Sample) -> Answer:
    if not sample.input.numel() or sample.call.arguments.get("ord") == 0 or sample.call.arguments.get("p") == 0:
        return None
    return torch.allclose(sample.run({"self": -2 * sample.input}), 2 * sample.run())


def is_loss(sample: Sample) -> Answer:
    return "reduction" in sample.call.arguments


def is_product(sample: Sample) -> Answer:
    """It is linear in each of the two that it multiplies, where nothing is added, and not in both."""
    row = traits.of(sample.known.type)
    first, second = row.factors
    nothing = {row.addend: torch.zeros_like(sample.tensors[row.addend])} if row.addend else {}
    plain = sample.run(nothing)
    twice = [sample.run(nothing | {name: 2 * sample.tensors[name]}) for name in (first, second)]
    four = sample.run(nothing | {name: 2 * sample.tensors[name] for name in (first, second)})
    return all(torch.allclose(one, 2 * plain) for one in twice) and torch.allclose(four, 4 * plain)


def is_transposition(sample: Sample) -> Answer:
    return sorted(sample.result.shape) == sorted(sample.input.shape)


def is_copy(sample: Sample) -> Answer:
    return not sample.call.shares and torch.equal(sample.result, sample.input.to(sample.result.dtype))


ALWAYS: dict[str, Callable[[Sample], Answer]] = {
    "is_view": shares,
    "is_copy": is_copy,
    "passes_elements": picks,
    "passes_all": passes_all,
    "is_transposition": is_transposition,
    "is_elementwise": is_elementwise,
    "is_linear": is_linear,
    "is_addition": is_addition,
    "is_scaling": is_scaling,
    "is_spread": spreads,
    "is_mean": is_mean,
    "is_loss": is_loss,
    "compares": compares,
    "is_softmax": is_softmax,
    "is_probability": is_probability,
    "is_guard": is_guard,
    "is_saturating": is_saturating,
    "is_flat": is_flat,
    "is_choice": is_choice,
    "is_norm": is_norm,
    "is_product": is_product,
}
"""By trait: whether a sample of an op has it. What a row claims must hold for every sample."""

BOTH_WAYS = {"is_view", "is_elementwise"}
"""What has such a trait in every sample must say so."""


def facts() -> tuple[list[str], Counter[tuple[str, str, bool]], set[str]]:
    """What is wrong, what was seen of traits by type, and the types of which some input got a zero."""
    wrong: list[str] = []
    seen: Counter[tuple[str, str, bool]] = Counter()
    zeros: set[str] = set()
    looked: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for known in itertools.chain.from_iterable(observe(*one) for one in first_samples(N_SAMPLES)):
            sample = Sample(known)
            if not _is_usable(sample):
                continue
            row = traits.of(known.type)
            if row.zeros and any(bool((one == 0).any()) for _, one in sample.sent()):
                zeros.add(known.type)
            looked[known.type] += 1
            if looked[known.type] > ENOUGH:
                continue
            for name, ask in ALWAYS.items():
                if getattr(row, name) or (name in BOTH_WAYS and seen[known.type, name, False] == 0):
                    answer = asked(sample, ask)
                    if answer is not None:
                        seen[known.type, name, answer] += 1
                    if getattr(row, name) and answer is False:
                        wrong.append(f"{known.type} of {known.op}: {name}")
    return wrong, seen, zeros


def asked(sample: Sample, ask: Callable[[Sample], Answer]) -> Answer:
    """The answer; None where torch refuses the changed arguments, such as a matrix that is no longer positive."""
    try:
        return ask(sample)
    except RuntimeError:
        return None


def _is_usable(sample: Sample) -> bool:
    """A small op on real tensors, of known arguments, that does not write in place."""
    call = sample.call
    if call.again is None or call.again._schema.is_mutable or sample.input is None or sample.result is None:  # type: ignore[attr-defined]
        return False
    given = [*sample.tensors.values(), *sample.results]
    return all(one.numel() <= MOST_ELEMENTS and one.layout is torch.strided for one in given)


@pytest.fixture(scope="module")
def found() -> tuple[list[str], Counter[tuple[str, str, bool]], set[str]]:
    return facts()


SELDOM = {
    "DiagEmbedBackward0",
    "CummaxBackward0",
    "CumminBackward0",
    "ExpandBackward0",
    "IndexAddBackward0",
    "PutBackward0",
    "Rot90Backward0",
    "NormalBackward3",
    "SparseMmReduceImplBackward0",
}
"""Elements that are all at their own places in these few samples, or, expanded or drawn, in all of them."""


def test_rows_say_what_torch_does(found) -> None:
    """No sample contradicts a row, and what always lies in its input's memory or goes element by element says so."""
    wrong, seen, _ = found
    assert wrong == []
    known = {node_type for formula in CATALOGUE for node_type in formula.node_types} - SELDOM
    types = {node_type for node_type, _, _ in seen} & known
    for name in BOTH_WAYS:
        always = {one for one in types if seen[one, name, True] > 1 and not seen[one, name, False]}
        assert sorted(one for one in always if not (getattr(traits.of(one), name) or traits.of(one).is_loss)) == [], (
            name
        )
    assert len(types) > 150


ROOMS = (torch.linalg, torch.special, F, torch)
THREE = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
BY_HAND = (
    lambda one: one.unfold(0, 1, 2),
    lambda one: one.amax(0),
    lambda one: one.amin(0),
    lambda one: one.median(),
    lambda one: one.median(0).values,
    lambda one: one.nanmedian(),
    lambda one: one.nanmedian(0).values,
)
"""Where the first samples of the database leave no element out."""


def test_zeros_are_seen(found) -> None:
    """An op of which it is said why elements get zero has a sample in which one does."""
    _, seen, zeros = found
    said = {one for one, _, _ in seen if traits.of(one).zeros and not one.endswith("_copy")}
    for make in BY_HAND:
        made = make(THREE)
        (sent,) = torch.autograd.grad(made.sum(), THREE, retain_graph=True)
        zeros |= {made.grad_fn.name()} if bool((sent == 0).any()) else set()
    assert sorted(said - zeros) == []
    assert len(said) > 25


WITHOUT_A_ROW = frozenset(
    """
    AffineGridGeneratorBackward0 BatchNormNoUpdateBackward0 CauchyBackward0 CholeskyBackward0
    CholeskyInverseBackward0 CholeskySolveBackward0 CoalesceBackward0 ConvDepthwise2DBackward0
    ConvDepthwise3DBackward0 ConvTbcBackward0 ConvolutionBackwardOverrideableBackward0
    CudnnAffineGridGeneratorBackward0 CudnnAttentionBackward0 CudnnConvolutionTransposeBackward0
    CudnnCtcLossBackward0 CudnnCtcLossBackward1 CudnnGridSamplerBackward0 EfficientAttentionBackward0
    EqBackward0 EqBackward1 EuclideanDistBackward0 ExponentialBackward0
    FakeQuantizeLearnablePerChannelAffineBackward0 FakeQuantizeLearnablePerTensorAffineBackward0
    FakeQuantizePerChannelAffineCachemaskBackward0 FakeQuantizePerTensorAffineCachemaskBackward0
    FakeQuantizePerTensorAffineCachemaskTensorQparamsBackward0 FlashAttentionBackward0 ForeachMaximumBackward1
    ForeachMinimumBackward1 ForeachNormBackward0 FractionalMaxPool2DBackward0 FractionalMaxPool3DBackward0
    FusedDropoutBackward0 FusedMovingAvgObsFqHelperBackward0 FusedRmsNormBackward0 GeBackward0 GeBackward1
    GeometricBackward0 GridSampler2DCpuFallbackBackward0 GtBackward0 GtBackward1 IgammaBackward0
    IgammacBackward0 IndexPutImplBackward0 LazyCloneBackward0 LeBackward0 LeBackward1 LiftBackward0
    LiftFreshBackward0 LinalgHouseholderProductBackward0 LinalgLstsqBackward0 LinalgLuBackward0
    LinalgLuFactorExBackward0 LinalgLuSolveBackward0 LinalgPinvBackward0 LinalgQrBackward0
    LinalgSolveTriangularBackward0 LogNormalBackward0 LogSoftmaxBackwardDataBackward0 LtBackward0 LtBackward1
    LuUnpackBackward0 MaskedSoftmaxBackward0 MatmulBackward0 MaxPool2DBackward0 MiopenConvolutionBackward0
    MiopenConvolutionTransposeBackward0 MiopenCtcLossBackward0 MiopenCtcLossBackward1
    MiopenDepthwiseConvolutionBackward0 MkldnnAdaptiveAvgPool2DBackward0 MkldnnLinearBackward0
    MkldnnMaxPool2DBackward0 MkldnnMaxPool3DBackward0 MkldnnReshapeBackward0 MpsConvolutionBackward0
    MpsConvolutionTransposeBackward0 NativeBatchNormLegitNoTrainingBackward0 NeBackward0 NeBackward1
    NegViewBackward0 NnpackSpatialConvolutionBackward0 OrmqrBackward0 PackPaddedSequenceBackward0
    PinMemoryBackward0 RandomBackward0 RandomBackward1 RandomBackward2 ReshapeCopyBackward0
    RreluWithNoiseFunctionalBackward0 SegmentReduceBackward0 SliceInverseBackward0 SlowConv3DBackward0
    SlowConvDilated3DBackward0 SlowConvTranspose2DBackward0 SlowConvTranspose3DBackward0
    SoftmaxBackwardDataBackward0 SparseAddmmBackward0 SparseCompressedTensorBackward0
    SparseCooTensorWithDimsAndTensorsBackward0 SparseLogSoftmaxBackward0 SparseMaskBackward0
    SparseMmReduceImplBackward0 SparseSampledAddmmBackward0 SparseSoftmaxBackward0 SparseSparseMatmulBackward0
    SparseSumBackward0 SpecialZetaBackward0 SpecialZetaBackward1 StandardGammaBackward0
    ThnnFusedGruCellBackward0 ThnnFusedLstmCellBackward0 ToDenseBackward0 ToMkldnnBackward0 ToSparseBackward0
    ToSparseBackward1 ToSparseBscBackward0 ToSparseBsrBackward0 ToSparseCscBackward0 ToSparseCsrBackward0
    TriangularSolveBackward0 TrilinearBackward0 UnsafeIndexBackward0 UnsafeIndexPutBackward0
    UnsafeMaskedIndexBackward0 UnsafeMaskedIndexPutAccumulateBackward0 UnsafeSplitWithSizesBackward0
    UpsampleBicubic2DAaBackward0 UpsampleBilinear2DAaBackward0 UpsampleLanczos2DAaBackward0 ValuesBackward0
    WeightNormInterfaceBackward0
    """.split()  # noqa: SIM905 - a list of 133 strings would be as long
)
"""Nothing asks what these are: decompositions, sparse tensors, other devices, comparisons, draws, forms of kernels."""


def test_every_entry_of_the_catalogue_has_a_row() -> None:
    """But for what nothing asks about; and every row is an op of torch: a node type, or a function or method.

    A second derivative is another op than the first, and a copying form has the row of its view.
    """
    known = {row.stem for row in ROWS}
    types = {node_type for formula in CATALOGUE for node_type in (*formula.node_types, *formula.twins)}
    asked = {one for one in types if "BackwardBackward" not in one and not one.endswith("_copy")}
    assert {one for one in asked if traits.of(one).stem not in known} == WITHOUT_A_ROW
    assert len(known) == len(ROWS)
    stems = {one.partition("Backward")[0] for one in derivatives()} | set(derivatives()) | types
    functions = {name.replace("_", "").lower() for room in ROOMS for name in dir(room)}
    assert sorted(one for one in known - stems if one.lower() not in functions) == []


def test_arguments_are_in_torchs_order() -> None:
    """The names of a call's arguments are those of torch's schema, in its order."""
    told = [row for row in ROWS if row.arguments]
    for row in told:
        names = (*dir(torch._C._VariableFunctions), *dir(torch._C._nn))
        op = getattr(torch.ops.aten, next(name for name in names if _same(name, row.stem)))
        schemas = [[each.name for each in getattr(op, one)._schema.arguments] for one in op.overloads()]
        assert list(row.arguments) in [one[: len(row.arguments)] for one in schemas], row.stem
    assert len(told) == 9


def test_factors_are_inputs() -> None:
    """Every name by which a row speaks of an input is one by which a recording knows a slot of such a node."""
    for row in ROWS:
        names = {*row.factors, *({row.addend} - {""})}
        slots = [each.inputs for each in derivatives().values() if traits.of(each.node_type).stem == row.stem]
        assert not names or names <= {name for each in slots for name in each}, row.stem


def _same(name: str, stem: str) -> bool:
    return name.replace("_", "") == stem.lower() and name.strip("_") == name


def test_operators_make_these_nodes() -> None:
    """`a + b` is an `AddBackward0`: each sign of Python makes the ops that have it, and no other."""
    shapes = (((2,), (2,)), ((2, 2), (2, 2)), ((2, 2), (2,)), ((1, 2, 2), (1, 2, 2)))
    for sign in ("+", "-", "*", "/", "**", "@"):
        made = set()
        for left, right in shapes:
            scope = {name: torch.rand(shape, requires_grad=True) for name, shape in (("a", left), ("b", right))}
            for text in (f"a {sign} b", *(["1 - b"] if sign == "-" else [])):
                made |= {node.name() for node in nodes([eval(text, scope).grad_fn])}
        assert {traits.of(one).stem.lower() for one in made if traits.of(one).operator} == traits.by_operator(sign), (
            sign
        )


@pytest.mark.parametrize("row", [row for row in ROWS if row.breaks is not None], ids=lambda row: row.stem)
@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
def test_it_breaks(row: Traits) -> None:
    """Some finite numbers give a number, or a derivative, that is not finite."""
    assert any(_is_broken(row, number) for number in (0.0, 1.0, -1.0, 2000.0))


def _is_broken(row: Traits, number: float) -> bool:
    op = next(
        vars(room)[name] for room in ROOMS for name in vars(room) if _same(name, re.sub("Special|Linalg", "", row.stem))
    )
    one, other = (torch.full((1,), number, dtype=torch.float64, requires_grad=True) for _ in range(2))
    if row.breaks is Breaks.DECOMPOSITION:
        one = torch.tensor([[1.0, number], [0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    tries = {Breaks.POWER: [(one, 0.5)], Breaks.SOFTMAX: [(one - torch.inf, 0)]}.get(row.breaks, [])
    for arguments in (*tries, (one,), (one, other), (one, one, other)):
        with contextlib.suppress(TypeError, RuntimeError):
            made = sum(each.abs().sum() for each in tree_leaves(op(*arguments)))
            (slope,) = torch.autograd.grad(made, one, allow_unused=True)
            return not (made.isfinite().all() and slope.isfinite().all())
    return False
