"""Node types whose formulas no test can hold to torch where it runs, and why."""

_CUDA = "it runs on CUDA devices only"
_MPS = "it runs on Apple's devices only"
_MIOPEN = "it runs on AMD's devices only"
_VENDOR = "it runs only where a backend outside of torch brings its kernel"
_KERNEL = "no torch expression computes it, only a kernel of torch"
_ELSEWHERE = "torch uses it only for nested tensors and in builds for phones"

UNVERIFIED: dict[str, str] = {
    **dict.fromkeys(
        (
            "ConvDepthwise2DBackward0",
            "ConvDepthwise3DBackward0",
            "CudnnAffineGridGeneratorBackward0",
            "CudnnAttentionBackward0",
            "CudnnBatchNormBackward0",
            "CudnnBatchNormBackwardBackward0",
            "CudnnConvolutionBackward0",
            "CudnnConvolutionTransposeBackward0",
            "CudnnCtcLossBackward0",
            "CudnnCtcLossBackward1",
            "CudnnGridSamplerBackward0",
            "CudnnGridSamplerBackwardBackward0",
            "CudnnRnnBackward0",
            "EfficientAttentionBackward0",
            "FlashAttentionBackward0",
            "FusedDropoutBackward0",
            "FusedRmsNormBackward0",
            "PinMemoryBackward0",
            "ScaledDotProductCudnnAttentionBackward0",
            "ScaledDotProductEfficientAttentionBackward0",
            "ScaledDotProductFlashAttentionBackward0",
            "ThnnFusedGruCellBackward0",
            "ThnnFusedLstmCellBackward0",
        ),
        _CUDA,
    ),
    **dict.fromkeys(
        (
            "LinearBackwardBackward0",
            "LstmMpsBackward0",
            "MaxPool2DBackward0",
            "MaxPool2DBackwardBackward0",
            "MpsConvolutionBackward0",
            "MpsConvolutionBackwardBackward0",
            "MpsConvolutionTransposeBackward0",
        ),
        _MPS,
    ),
    **dict.fromkeys(
        (
            "MiopenBatchNormBackward0",
            "MiopenBatchNormBackwardBackward0",
            "MiopenConvolutionBackward0",
            "MiopenConvolutionTransposeBackward0",
            "MiopenCtcLossBackward0",
            "MiopenCtcLossBackward1",
            "MiopenDepthwiseConvolutionBackward0",
            "MiopenRnnBackward0",
        ),
        _MIOPEN,
    ),
    **dict.fromkeys(
        (
            "ConvolutionBackwardOverrideableBackward0",
            "ConvolutionOverrideableBackward0",
            "ScaledDotProductFusedAttentionOverrideableBackward0",
        ),
        _VENDOR,
    ),
    **dict.fromkeys(
        (
            "GridSampler2DBackwardBackward0",
            "GridSampler2DCpuFallbackBackwardBackward0",
            "GridSampler3DBackwardBackward0",
            "LinalgHouseholderProductBackward0",
            "MkldnnRnnLayerBackward0",
            "OrmqrBackward0",
        ),
        _KERNEL,
    ),
    **dict.fromkeys(("LinearBackward0", "MatmulBackward0"), _ELSEWHERE),
    "AccumulateGrad": "it sends nothing on: it adds to .grad",
}
"""Node type and reason, as the end of the sentence "not run here: ..."."""
