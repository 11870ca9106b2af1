"""One row an op: what rules, texts and the analysis ask about it."""

from dataclasses import replace
from typing import Any

from gradtrace.formulas.trait_kinds import Breaks, Traits, Zeros


def _row(like: Traits, stem: str, **more: Any) -> Traits:
    return replace(like, stem=stem, **more)


_PLAIN = Traits()
_PICK = Traits(passes_elements=True, is_linear=True, zeros=Zeros.NEVER_TAKEN)
_MOVE = Traits(passes_elements=True, passes_all=True, is_linear=True)
_VIEW = replace(_MOVE, is_view=True)
_VIEW_OF_SOME = replace(_PICK, is_view=True)
_COPY = replace(_MOVE, is_copy=True, is_elementwise=True)
_ELEMENTWISE = Traits(is_elementwise=True)
_LINEAR = Traits(is_linear=True)
_FLAT = replace(_ELEMENTWISE, is_flat=True)
_LIMIT = replace(_ELEMENTWISE, is_guard=True, zeros=Zeros.OUTSIDE)
_LARGEST = Traits(zeros=Zeros.NOT_LARGEST)
_SMALLEST = Traits(zeros=Zeros.NOT_SMALLEST)
_LOSS = Traits(is_loss=True)
_DIFFERENCE = replace(_LOSS, compares=True)
_PRODUCT = Traits(mixes=True, shrinks=True)
_CONVOLUTION = Traits(mixes=True, is_convolution=True)
_MIXING = Traits(mixes=True)
_SPREAD = Traits(breaks=Breaks.SPREAD)
_DECOMPOSITION = Traits(breaks=Breaks.DECOMPOSITION)
_LOG = replace(_ELEMENTWISE, breaks=Breaks.LOG)
_EXP = replace(_ELEMENTWISE, breaks=Breaks.EXP)
_ARC = replace(_ELEMENTWISE, breaks=Breaks.ARC)
_ROOT = replace(_ELEMENTWISE, breaks=Breaks.ROOT)

ROWS = (
    # Arithmetic
    _row(
        _ELEMENTWISE,
        "Add",
        is_linear=True,
        is_addition=True,
        is_guard=True,
        operator="+",
        aliases=("radd", "iadd"),
    ),
    _row(
        _ELEMENTWISE,
        "Sub",
        is_linear=True,
        is_addition=True,
        compares=True,
        operator="-",
        aliases=("subtract",),
    ),
    _row(_ELEMENTWISE, "Rsub", is_linear=True, is_addition=True, compares=True, operator="-"),
    _row(
        _ELEMENTWISE,
        "Mul",
        is_scaling=True,
        is_loss_step=True,
        shrinks=True,
        operator="*",
        aliases=("rmul", "multiply"),
    ),
    _row(
        _ELEMENTWISE,
        "Div",
        is_scaling=True,
        is_loss_step=True,
        shrinks=True,
        breaks=Breaks.DIVISION,
        operator="/",
        aliases=("divide", "true_divide", "truediv", "rtruediv"),
    ),
    _row(_FLAT, "DivBackward2"),
    _row(_ELEMENTWISE, "Lerp"),
    _row(_ELEMENTWISE, "Fmod"),
    _row(_ELEMENTWISE, "Remainder"),
    _row(_ELEMENTWISE, "Addcmul"),
    _row(_ELEMENTWISE, "Addcdiv", breaks=Breaks.DIVISION),
    # Choosing and limiting
    _row(
        _ELEMENTWISE,
        "Where",
        is_choice=True,
        is_loss_step=True,
        zeros=Zeros.OTHER_TAKEN,
        arguments=("condition", "self", "other"),
    ),
    _row(_ELEMENTWISE, "Maximum", is_choice=True, zeros=Zeros.NOT_LARGEST),
    _row(_ELEMENTWISE, "Minimum", is_choice=True, zeros=Zeros.NOT_SMALLEST),
    _row(_ELEMENTWISE, "Fmax", is_choice=True, zeros=Zeros.NOT_LARGEST),
    _row(_ELEMENTWISE, "Fmin", is_choice=True, zeros=Zeros.NOT_SMALLEST),
    _row(_LIMIT, "Clamp", is_loss_step=True, arguments=("self", "min", "max"), aliases=("clip",)),
    _row(_LIMIT, "ClampMin", is_loss_step=True),
    _row(_LIMIT, "ClampMax", is_loss_step=True),
    # Functions of two numbers
    _row(_ELEMENTWISE, "Copysign"),
    _row(_ELEMENTWISE, "Atan2"),
    _row(_ROOT, "Hypot"),
    _row(_ELEMENTWISE, "Logaddexp"),
    _row(_ELEMENTWISE, "Logaddexp2"),
    _row(_LOG, "Xlogy"),
    _row(_LOG, "SpecialXlog1Py"),
    _row(_ELEMENTWISE, "Ldexp"),
    _row(_ELEMENTWISE, "Nextafter"),
    _row(_ELEMENTWISE, "Complex"),
    _row(_ELEMENTWISE, "Polar"),
    _row(_VIEW, "Conj", is_elementwise=True, passes_elements=False, passes_all=False),
    _row(_ELEMENTWISE, "ConjPhysical"),
    _row(_ELEMENTWISE, "Angle"),
    # Functions of one number
    _row(_EXP, "Exp", is_probability=True),
    _row(_EXP, "Exp2"),
    _row(_EXP, "Expm1"),
    _row(_EXP, "Sinh"),
    _row(_EXP, "Cosh", is_loss_step=True),
    _row(_LOG, "Log", is_loss_step=True),
    _row(_LOG, "Log1P", is_loss_step=True),
    _row(_LOG, "Log2"),
    _row(_LOG, "Log10"),
    _row(_LOG, "Logit"),
    _row(_ROOT, "Sqrt", is_loss_step=True),
    _row(_ROOT, "Rsqrt"),
    _row(_ELEMENTWISE, "Reciprocal", breaks=Breaks.DIVISION),
    _row(
        _ELEMENTWISE,
        "Pow",
        is_loss_step=True,
        shrinks=True,
        breaks=Breaks.POWER,
        operator="**",
        aliases=("rpow", "float_power"),
    ),
    _row(_ELEMENTWISE, "Neg", is_linear=True, is_loss_step=True, aliases=("negative",)),
    _row(_ELEMENTWISE, "Abs", is_loss_step=True, aliases=("absolute",)),
    _row(_ELEMENTWISE, "Frac"),
    _row(_ELEMENTWISE, "NanToNum", is_guard=True),
    _row(_FLAT, "Ceil"),
    _row(_FLAT, "Floor"),
    _row(_FLAT, "Round"),
    _row(_FLAT, "Trunc", aliases=("fix",)),
    _row(_FLAT, "Sign"),
    _row(_FLAT, "Sgn"),
    _row(_ELEMENTWISE, "Erf"),
    _row(_ELEMENTWISE, "Erfc"),
    _row(_ELEMENTWISE, "Erfinv"),
    _row(_ELEMENTWISE, "Lgamma"),
    _row(_ELEMENTWISE, "Digamma"),
    _row(_ELEMENTWISE, "Polygamma"),
    _row(_ELEMENTWISE, "Mvlgamma"),
    _row(_ELEMENTWISE, "I0"),
    _row(_ELEMENTWISE, "Frexp"),
    *(
        _row(_ELEMENTWISE, stem)
        for stem in (
            "SpecialEntr",
            "SpecialErfcx",
            "SpecialI0E",
            "SpecialI1",
            "SpecialI1E",
            "SpecialLogNdtr",
            "SpecialNdtri",
        )
    ),
    # Trigonometry
    _row(_ELEMENTWISE, "Sin"),
    _row(_ELEMENTWISE, "Cos"),
    _row(_ELEMENTWISE, "Tan"),
    _row(_ARC, "Asin", aliases=("arcsin",)),
    _row(_ARC, "Acos", aliases=("arccos",)),
    _row(_ELEMENTWISE, "Atan"),
    _row(_ELEMENTWISE, "Asinh"),
    _row(_ARC, "Acosh", aliases=("arccosh",)),
    _row(_ARC, "Atanh", aliases=("arctanh",)),
    _row(_ELEMENTWISE, "Sinc"),
    _row(_ELEMENTWISE, "Deg2Rad", is_linear=True),
    _row(_ELEMENTWISE, "Rad2Deg", is_linear=True),
    # Activations and softmax
    _row(_ELEMENTWISE, "Relu", zeros=Zeros.NOT_POSITIVE),
    _row(_ELEMENTWISE, "Threshold", zeros=Zeros.NOT_POSITIVE),
    _row(_ELEMENTWISE, "LeakyRelu"),
    _row(_LIMIT, "Hardtanh"),
    _row(_LIMIT, "Hardsigmoid", is_guard=False),
    _row(_ELEMENTWISE, "Hardswish"),
    _row(_ELEMENTWISE, "Hardshrink"),
    _row(_ELEMENTWISE, "Softshrink"),
    _row(_ELEMENTWISE, "Sigmoid", is_probability=True, is_saturating=True),
    _row(_ELEMENTWISE, "Tanh", is_saturating=True),
    _row(_ELEMENTWISE, "Gelu"),
    _row(_ELEMENTWISE, "Silu"),
    _row(_ELEMENTWISE, "Mish"),
    _row(_ELEMENTWISE, "Elu"),
    _row(_ELEMENTWISE, "Celu"),
    _row(_ELEMENTWISE, "Softplus"),
    _row(_ELEMENTWISE, "LogSigmoid"),
    _row(_ELEMENTWISE, "PreluKernel"),
    _row(_ELEMENTWISE, "RreluWithNoise"),
    _row(_PLAIN, "Glu"),
    _row(_PLAIN, "Softmax", is_softmax=True, is_probability=True, breaks=Breaks.SOFTMAX),
    _row(_PLAIN, "SafeSoftmax", is_softmax=True, is_probability=True),
    _row(_PLAIN, "LogSoftmax", is_softmax=True, breaks=Breaks.SOFTMAX),
    _row(_ELEMENTWISE, "NativeDropout", zeros=Zeros.DROPPED),
    # Reductions
    _row(_LINEAR, "Sum", is_spread=True),
    _row(_PLAIN, "Nansum"),
    _row(_LINEAR, "Mean", is_spread=True, is_mean=True, shrinks=True),
    _row(_PLAIN, "Nanmean", is_mean=True),
    _row(_LINEAR, "Trace"),
    _row(_PLAIN, "Logsumexp", breaks=Breaks.SOFTMAX),
    _row(_PLAIN, "Prod"),
    _row(_LINEAR, "Cumsum"),
    _row(_PLAIN, "Cumprod"),
    _row(_PLAIN, "Logcumsumexp"),
    _row(_LARGEST, "Max", gives_indices=True),
    _row(_SMALLEST, "Min", gives_indices=True),
    _row(_LARGEST, "Amax"),
    _row(_SMALLEST, "Amin"),
    _row(_PLAIN, "Aminmax"),
    _row(_LARGEST, "Cummax", gives_indices=True),
    _row(_SMALLEST, "Cummin", gives_indices=True),
    _row(_PLAIN, "Median", zeros=Zeros.NOT_THE_ONE, gives_indices=True),
    _row(_PLAIN, "Nanmedian", zeros=Zeros.NOT_THE_ONE, gives_indices=True),
    _row(_PLAIN, "Mode", zeros=Zeros.NOT_THE_ONE, gives_indices=True),
    _row(_PLAIN, "Kthvalue", zeros=Zeros.NOT_THE_ONE, gives_indices=True),
    _row(_PLAIN, "Topk", zeros=Zeros.NOT_AMONG, gives_indices=True),
    _row(_PLAIN, "Sort", gives_indices=True),
    _row(_PLAIN, "Argsort", gives_indices=True),
    _row(_PLAIN, "Argmax", gives_indices=True),
    _row(_PLAIN, "Argmin", gives_indices=True),
    # Variance, norms and distances
    *(_row(_SPREAD, stem) for stem in ("Var", "Std", "VarMean", "StdMean")),
    _row(_PLAIN, "LinalgVectorNorm", is_norm=True),
    _row(_PLAIN, "Norm", is_norm=True),
    _row(_PLAIN, "Renorm"),
    _row(_PLAIN, "Dist"),
    _row(_PLAIN, "Cdist"),
    _row(_PLAIN, "Pdist"),
    # Views
    _row(_VIEW, "View", aliases=("reshape", "flatten", "unflatten")),
    _row(_VIEW, "UnsafeView"),
    _row(_VIEW, "ReshapeAlias"),
    _row(_VIEW, "T", is_transposition=True),
    _row(_VIEW, "Transpose", is_transposition=True, aliases=("adjoint", "swapaxes")),
    _row(_VIEW, "Permute", is_transposition=True, aliases=("movedim",)),
    _row(_VIEW, "Unsqueeze"),
    _row(_VIEW, "Squeeze"),
    _row(_VIEW, "Expand"),
    _row(_VIEW, "Alias"),
    _row(_VIEW, "ViewAsReal"),
    _row(_VIEW, "ViewAsComplex"),
    _row(_VIEW_OF_SOME, "AsStrided"),
    _row(_VIEW_OF_SOME, "Unfold"),
    _row(_VIEW_OF_SOME, "Diagonal"),
    _row(_VIEW_OF_SOME, "Select"),
    _row(_VIEW_OF_SOME, "Slice", aliases=("narrow",)),
    _row(_VIEW, "Split", passes_all=False, gives_parts=True),
    _row(_VIEW, "SplitWithSizes", passes_all=False, gives_parts=True),
    _row(_VIEW, "UnsafeSplit", passes_all=False, gives_parts=True),
    _row(_VIEW, "Unbind", passes_all=False, gives_parts=True),
    # Reordering, padding, copying, joining
    _row(_MOVE, "Flip"),
    _row(_MOVE, "Roll"),
    _row(_MOVE, "Rot90"),
    _row(_MOVE, "Repeat"),
    _row(_MOVE, "PixelShuffle"),
    _row(_MOVE, "PixelUnshuffle"),
    _row(_MOVE, "ChannelShuffle"),
    _row(_ELEMENTWISE, "Tril", is_linear=True),
    _row(_ELEMENTWISE, "Triu", is_linear=True),
    _row(_LINEAR, "DiagEmbed"),
    _row(_LINEAR, "ConstantPadNd"),
    *(_row(_LINEAR, f"{how}Pad{n}D") for how in ("Reflection", "Replication") for n in (1, 2, 3)),
    _row(_COPY, "Clone", aliases=("contiguous",)),
    _row(_COPY, "ToCopy", shrinks=True),
    _row(_LINEAR, "Cat"),
    _row(_LINEAR, "Stack"),
    _row(_LINEAR, "BlockDiag"),
    # Reading from places
    _row(_PICK, "NarrowCopy"),
    _row(_PICK, "Index"),
    _row(_PICK, "Gather", is_discrete=True, arguments=("self", "dim", "index")),
    _row(_PICK, "IndexSelect", arguments=("self", "dim", "index")),
    _row(_PICK, "Take"),
    _row(_PICK, "MaskedSelect"),
    _row(_PICK, "Embedding"),
    _row(_PLAIN, "EmbeddingBag"),
    # Writing to places
    _row(_PLAIN, "IndexPut"),
    _row(_PLAIN, "Scatter"),
    _row(_LINEAR, "ScatterAdd"),
    _row(_PLAIN, "ScatterReduce"),
    _row(_LINEAR, "IndexAdd"),
    _row(_LINEAR, "IndexCopy"),
    _row(_PLAIN, "IndexFill"),
    _row(_PLAIN, "IndexReduce"),
    _row(
        _ELEMENTWISE,
        "MaskedFill",
        is_choice=True,
        zeros=Zeros.OVERWRITTEN,
        arguments=("self", "mask", "value"),
    ),
    _row(_PLAIN, "MaskedScatter"),
    _row(_PLAIN, "Put"),
    _row(_LINEAR, "SelectScatter"),
    _row(_LINEAR, "SliceScatter"),
    _row(_LINEAR, "DiagonalScatter"),
    _row(_LINEAR, "AsStridedScatter"),
    # Matrices
    _row(_PRODUCT, "Mm", factors=("self", "mat2"), operator="@", aliases=("matmul",)),
    _row(_PRODUCT, "Bmm", factors=("self", "mat2"), operator="@"),
    _row(_PRODUCT, "Mv", factors=("self", "vec"), operator="@"),
    _row(
        _PRODUCT,
        "Dot",
        factors=("self", "tensor"),
        operator="@",
    ),
    _row(_PRODUCT, "Vdot", factors=("self", "other")),
    _row(_PRODUCT, "Addmm", factors=("mat1", "mat2"), addend="self"),
    _row(_PRODUCT, "Addmv", factors=("mat", "vec"), addend="self"),
    _row(
        _PRODUCT,
        "Addr",
        factors=("vec1", "vec2"),
        addend="self",
    ),
    _row(_PRODUCT, "Baddbmm", factors=("batch1", "batch2"), addend="self"),
    _row(_PRODUCT, "Addbmm", factors=("batch1", "batch2"), addend="self"),
    _row(_MIXING, "GroupedMm"),
    *(
        _row(_PLAIN, stem)
        for stem in (
            "LinalgCross",
            "LinalgInvEx",
            "LinalgDet",
            "LinalgSlogdet",
            "LinalgSolveEx",
            "LinalgCholeskyEx",
            "LinalgMatrixExp",
        )
    ),
    _row(_DECOMPOSITION, "LinalgSvd"),
    _row(_DECOMPOSITION, "LinalgEig"),
    _row(_DECOMPOSITION, "LinalgEigh"),
    # Convolution, pooling and resampling
    _row(_CONVOLUTION, "Convolution", aliases=("conv1d", "conv2d", "conv3d")),
    *(
        _row(_CONVOLUTION, stem)
        for stem in (
            "ConvolutionOverrideable",
            "MkldnnConvolution",
            "CudnnConvolution",
            "SlowConv2D",
            "SlowConvDilated2D",
        )
    ),
    _row(_LINEAR, "Im2Col"),
    _row(_LINEAR, "Col2Im"),
    _row(_LARGEST, "MaxPool2DWithIndices", aliases=("max_pool2d", "max_pool1d")),
    _row(_LARGEST, "MaxPool3DWithIndices", aliases=("max_pool3d",)),
    _row(_LARGEST, "AdaptiveMaxPool2D"),
    _row(_LARGEST, "AdaptiveMaxPool3D"),
    *(
        _row(_LINEAR, stem)
        for stem in ("AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "MaxUnpool2D", "MaxUnpool3D")
    ),
    *(_row(_LINEAR, f"UpsampleNearest{exact}{n}D") for exact in ("", "Exact") for n in (1, 2, 3)),
    _row(_LINEAR, "UpsampleLinear1D"),
    _row(_LINEAR, "UpsampleBilinear2D"),
    _row(_LINEAR, "UpsampleTrilinear3D"),
    _row(_LINEAR, "UpsampleBicubic2D"),
    _row(_PLAIN, "GridSampler2D"),
    _row(_PLAIN, "GridSampler3D"),
    # Normalisation
    *(
        _row(_PLAIN, stem)
        for stem in (
            "NativeBatchNorm",
            "NativeBatchNormLegit",
            "BatchNormWithUpdate",
            "CudnnBatchNorm",
            "MiopenBatchNorm",
            "NativeLayerNorm",
            "NativeGroupNorm",
        )
    ),
    # Attention
    *(
        _row(_MIXING, f"ScaledDotProduct{kind}")
        for kind in (
            *("FlashAttentionForCpu", "FlashAttention", "EfficientAttention", "CudnnAttention"),
            "FusedAttentionOverrideable",
        )
    ),
    # Losses
    _row(_DIFFERENCE, "MseLoss", arguments=("self", "target")),
    _row(_DIFFERENCE, "SmoothL1Loss", arguments=("self", "target")),
    _row(_DIFFERENCE, "HuberLoss", arguments=("self", "target")),
    _row(_DIFFERENCE, "L1Loss", arguments=("self", "target")),
    _row(_LOSS, "SoftMarginLoss"),
    _row(_LOSS, "NllLoss", zeros=Zeros.WRONG_CLASS),
    _row(_LOSS, "NllLoss2D", zeros=Zeros.WRONG_CLASS),
    _row(_LOSS, "CrossEntropy", aliases=("cross_entropy_loss",)),
    _row(_LOSS, "KlDiv"),
    _row(_LOSS, "BinaryCrossEntropy"),
    _row(_LOSS, "BinaryCrossEntropyWithLogits"),
    _row(_LOSS, "MultiMarginLoss"),
    _row(_LOSS, "MultilabelMarginLoss"),
    _row(_LOSS, "CosineEmbeddingLoss", normalizes=True),
    _row(_PLAIN, "CosineSimilarity", normalizes=True),
    _row(_PLAIN, "Normalize", normalizes=True),
    _row(_PLAIN, "CtcLoss"),
    # Layers, leaves, writing in place, random numbers, Fourier transforms
    *(_row(_MIXING, stem) for stem in ("Linear", "MkldnnRnnLayer", "CudnnRnn", "MiopenRnn", "LstmMps")),
    *(_row(_PLAIN, stem) for stem in ("AccumulateGrad", "CopyBackwards", "CopySlices", "Zero", "Fill")),
    _row(_FLAT, "Bernoulli", is_discrete=True),
    _row(_PLAIN, "Multinomial", gives_indices=True, is_discrete=True),
    _row(_PLAIN, "Poisson", is_discrete=True),
    _row(_PLAIN, "Binomial", is_discrete=True),
    _row(_PLAIN, "OneHot", is_discrete=True),
    _row(_PLAIN, "Normal"),
    _row(_PLAIN, "Uniform"),
    _row(_LINEAR, "FftC2C"),
    _row(_LINEAR, "FftR2C"),
    _row(_LINEAR, "FftC2R"),
)
"""In the order of the catalogue; what all rows of a family have in common is said once, above."""
