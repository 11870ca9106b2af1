"""Which argument of an op each slot of its node is: torch's argument names, in the order of `next_functions`.

torch does not tell this at run time. The table is that of torch 2.13, written by a command from torch's own description
of its derivatives; where another version has fewer or more slots than the table says, nothing is claimed.
"""

from functools import lru_cache

# The table: written by gradtrace.formulas.slot_table.
_TYPES_BY_SLOTS = {
    "A": (
        "LinalgDetBackward0 LinalgEighBackward0 LinalgInvExBackward0 LinalgLuBackward0 LinalgLuFactorExBackward0 "
        "LinalgQrBackward0 LinalgSlogdetBackward0 LinalgSvdBackward0"
    ),
    "A B": "LinalgSolveExBackward0",
    "LU B": "LinalgLuSolveBackward0",
    "LU_data": "LuUnpackBackward0",
    "abs angle": "PolarBackward0",
    "data": "SegmentReduceBackward0",
    "exponent": "PowBackward2",
    "exponent*": "ForeachPowBackward2",
    "grad per_sample_weights": "EmbeddingBagBackwardBackward0 EmbeddingBagDenseBackwardBackward0",
    "grad self pdist": "PdistBackwardBackward0",
    "grad x1 x2 cdist": "CdistBackwardBackward0",
    "grad_in": "UnfoldBackwardBackward0",
    "grad_out input mean rstd weight bias": "NativeLayerNormBackwardBackward0",
    "grad_out input weight save_mean save_invstd": "NativeBatchNormBackwardBackward0",
    "grad_out input weight save_mean save_var reserve": "BatchNormBackwardBackward0",
    "grad_out self": "HardshrinkBackwardBackward0",
    "grad_output": (
        "DiagonalBackwardBackward0 EmbeddingDenseBackwardBackward0 MaskedScatterBackwardBackward0 "
        "SelectBackwardBackward0 SliceBackwardBackward0 UpsampleBicubic2DAaBackwardBackward0 "
        "UpsampleBicubic2DBackwardBackward0 UpsampleBilinear2DAaBackwardBackward0 UpsampleBilinear2DBackwardBackward0 "
        "UpsampleLanczos2DAaBackwardBackward0 UpsampleLinear1DBackwardBackward0 UpsampleNearest1DBackwardBackward0 "
        "UpsampleNearest2DBackwardBackward0 UpsampleNearest3DBackwardBackward0 UpsampleNearestExact1DBackwardBackward0 "
        "UpsampleNearestExact2DBackwardBackward0 UpsampleNearestExact3DBackwardBackward0 "
        "UpsampleTrilinear3DBackwardBackward0"
    ),
    "grad_output input grid": (
        "GridSampler2DBackwardBackward0 GridSampler2DCpuFallbackBackwardBackward0 GridSampler3DBackwardBackward0"
    ),
    "grad_output input weight": "ConvolutionBackwardBackward0 ConvolutionBackwardOverrideableBackward0",
    "grad_output mask": "NativeDropoutBackwardBackward0",
    "grad_output output": (
        "LogSoftmaxBackwardDataBackward0 SigmoidBackwardBackward0 SoftmaxBackwardDataBackward0 TanhBackwardBackward0"
    ),
    "grad_output self": (
        "AdaptiveAvgPool2DBackwardBackward0 AdaptiveAvgPool3DBackwardBackward0 AdaptiveMaxPool2DBackwardBackward0 "
        "AdaptiveMaxPool3DBackwardBackward0 AvgPool2DBackwardBackward0 AvgPool3DBackwardBackward0 "
        "FractionalMaxPool2DBackwardBackward0 FractionalMaxPool3DBackwardBackward0 GeluBackwardBackward0 "
        "GluBackwardBackward0 HardswishBackwardBackward0 HardtanhBackwardBackward0 LeakyReluBackwardBackward0 "
        "LogSigmoidBackwardBackward0 MaxPool2DBackwardBackward0 MaxPool2DWithIndicesBackwardBackward0 "
        "MaxPool3DWithIndicesBackwardBackward0 NllLoss2DBackwardBackward0 NllLossBackwardBackward0 "
        "ReflectionPad1DBackwardBackward0 ReflectionPad2DBackwardBackward0 ReflectionPad3DBackwardBackward0 "
        "ReplicationPad1DBackwardBackward0 ReplicationPad2DBackwardBackward0 ReplicationPad3DBackwardBackward0 "
        "RreluWithNoiseBackwardBackward0 SoftMarginLossBackwardBackward0 SoftplusBackwardBackward0 "
        "SoftshrinkBackwardBackward0 ThresholdBackwardBackward0"
    ),
    "grad_output self target": (
        "BinaryCrossEntropyBackwardBackward0 HuberLossBackwardBackward0 MseLossBackwardBackward0 "
        "SmoothL1LossBackwardBackward0"
    ),
    "grad_output self weight": "PreluKernelBackwardBackward0 SlowConv2DBackwardBackward0",
    "grad_output self_or_result": "EluBackwardBackward0",
    "i1 i2 i3": "TrilinearBackward0",
    "input": "NativeDropoutBackward0 PackPaddedSequenceBackward0",
    "input grad_output weight save_mean save_var": "MiopenBatchNormBackwardBackward0",
    "input grad_output weight save_mean save_var reserveSpace": "CudnnBatchNormBackwardBackward0",
    "input grid": "GridSampler2DBackward0 GridSampler2DCpuFallbackBackward0 GridSampler3DBackward0",
    "input hx* params*": "LstmMpsBackward0",
    "input tau": "LinalgHouseholderProductBackward0",
    "input weight": "FusedRmsNormBackward0",
    "input weight bias": (
        "BatchNormNoUpdateBackward0 BatchNormWithUpdateBackward0 ConvolutionBackward0 ConvolutionBackward1 "
        "ConvolutionOverrideableBackward0 CudnnBatchNormBackward0 LinearBackward0 MiopenBatchNormBackward0 "
        "NativeBatchNormBackward0 NativeBatchNormLegitBackward0 NativeBatchNormLegitBackward1 "
        "NativeBatchNormLegitNoTrainingBackward0 NativeGroupNormBackward0 NativeLayerNormBackward0 "
        "NnpackSpatialConvolutionBackward0"
    ),
    "input weight* hx cx": "CudnnRnnBackward0 MiopenRnnBackward0",
    "input weight* hx cx output grad_output grad_hy grad_cy": "CudnnRnnBackwardBackward0",
    "input weight0 weight1 weight2 weight3 hx_ cx_": "MkldnnRnnLayerBackward0",
    "input_gates hidden_gates cx input_bias hidden_bias": "ThnnFusedLstmCellBackward0",
    "input_gates hidden_gates hx input_bias hidden_bias": "ThnnFusedGruCellBackward0",
    "list*": "NestedTensorFromTensorListBackward0",
    "log_probs": (
        "CtcLossBackward0 CtcLossBackward1 CudnnCtcLossBackward0 CudnnCtcLossBackward1 MiopenCtcLossBackward0 "
        "MiopenCtcLossBackward1"
    ),
    "mean": "NormalBackward1",
    "mean std": "NormalBackward3",
    "other": "SpecialXlog1PyBackward1 SpecialZetaBackward1 XlogyBackward1",
    "padded": "NestedFromPaddedBackward0 NestedFromPaddedTensorBackward0",
    "query key value": (
        "CudnnAttentionBackward0 FlashAttentionBackward0 ScaledDotProductCudnnAttentionBackward0 "
        "ScaledDotProductFlashAttentionBackward0 ScaledDotProductFlashAttentionForCpuBackward0"
    ),
    "query key value attn_bias": (
        "ScaledDotProductEfficientAttentionBackward0 ScaledDotProductFusedAttentionOverrideableBackward0"
    ),
    "query key value bias": "EfficientAttentionBackward0",
    "real imag": "ComplexBackward0",
    "self": (
        "AbsBackward0 AcosBackward0 AcoshBackward0 AcoshBackward1 AdaptiveAvgPool2DBackward0 "
        "AdaptiveAvgPool3DBackward0 AdaptiveMaxPool2DBackward0 AdaptiveMaxPool3DBackward0 AddBackward1 AliasBackward0 "
        "AliasBackward0_copy AmaxBackward0 AminBackward0 AminmaxBackward0 AngleBackward0 AsStridedBackward0 "
        "AsStridedBackward0_copy AsStridedBackward1 AsinBackward0 AsinhBackward0 AsinhBackward1 AtanBackward0 "
        "AtanhBackward0 AtanhBackward1 AvgPool2DBackward0 AvgPool3DBackward0 BernoulliBackward0 BernoulliBackward2 "
        "CauchyBackward0 CeilBackward0 CeluBackward0 CeluBackward1 ChannelShuffleBackward0 CholeskyBackward0 "
        "CholeskyInverseBackward0 ChunkBackward0 ChunkBackwardAutogradNestedTensor0 ClampBackward1 ClampMaxBackward0 "
        "ClampMinBackward0 CloneBackward0 CoalesceBackward0 Col2ImBackward0 ConjBackward0 ConjBackward0_copy "
        "ConjPhysicalBackward0 ConjPhysicalBackward1 ConstantPadNdBackward0 CopysignBackward1 CosBackward0 "
        "CoshBackward0 CummaxBackward0 CumminBackward0 CumprodBackward0 CumsumBackward0 Deg2RadBackward0 "
        "DiagEmbedBackward0 DiagonalBackward0 DiagonalBackward0_copy DigammaBackward0 DivBackward1 DivBackward3 "
        "EluBackward0 EluBackward1 EmbeddingRenormBackward0 EqBackward0 ErfBackward0 ErfcBackward0 ErfinvBackward0 "
        "Exp2Backward0 ExpBackward0 ExpandBackward0 ExpandBackward0_copy Expm1Backward0 ExponentialBackward0 "
        "FakeQuantizePerChannelAffineCachemaskBackward0 FakeQuantizePerTensorAffineCachemaskBackward0 "
        "FakeQuantizePerTensorAffineCachemaskTensorQparamsBackward0 FftC2CBackward0 FftC2RBackward0 FftR2CBackward0 "
        "FillBackward0 FillBackward2 FlipBackward0 FloorBackward0 FmodBackward0 FracBackward0 "
        "FractionalMaxPool2DBackward0 FractionalMaxPool3DBackward0 FrexpBackward0 FusedDropoutBackward0 "
        "FusedMovingAvgObsFqHelperBackward0 GatherBackward0 GeBackward0 GeluBackward0 GeometricBackward0 "
        "GeqrfBackward0 GluBackward0 GtBackward0 HardshrinkBackward0 HardsigmoidBackward0 HardswishBackward0 "
        "HardtanhBackward0 I0Backward0 Im2ColBackward0 IndexBackward0 IndexFillBackward0 IndexSelectBackward0 "
        "KthvalueBackward0 LazyCloneBackward0 LeBackward0 LeakyReluBackward0 LeakyReluBackward1 LgammaBackward0 "
        "LiftBackward0 LiftFreshBackward0 LiftFreshBackward0_copy LinalgCholeskyExBackward0 LinalgEigBackward0 "
        "LinalgMatrixExpBackward0 LinalgPinvBackward0 LinalgVectorNormBackward0 Log10Backward0 Log1PBackward0 "
        "Log2Backward0 LogBackward0 LogNormalBackward0 LogSigmoidBackward0 LogSoftmaxBackward0 LogcumsumexpBackward0 "
        "LogitBackward0 LogsumexpBackward0 LtBackward0 MaskedFillBackward0 MaskedSelectBackward0 "
        "MaskedSoftmaxBackward0 MaxBackward0 MaxBackward1 MaxPool2DBackward0 MaxPool2DWithIndicesBackward0 "
        "MaxPool3DWithIndicesBackward0 MaxUnpool2DBackward0 MaxUnpool3DBackward0 MeanBackward0 MeanBackward1 "
        "MeanBackwardAutogradNestedTensor0 MedianBackward0 MedianBackward1 MinBackward0 MinBackward1 MishBackward0 "
        "MkldnnAdaptiveAvgPool2DBackward0 MkldnnMaxPool2DBackward0 MkldnnMaxPool3DBackward0 MkldnnReshapeBackward0 "
        "ModeBackward0 MulBackward1 MultiMarginLossBackward0 MultilabelMarginLossBackward0 MvlgammaBackward0 "
        "NanToNumBackward0 NanmedianBackward0 NanmedianBackward1 NansumBackward0 NarrowCopyBackward0 NeBackward0 "
        "NegBackward0 NegViewBackward0 NegViewBackward0_copy NestedGetValuesBackward0 NestedGetValuesBackward0_copy "
        "NestedViewFromBufferBackward0 NestedViewFromBufferBackward0_copy NestedViewFromJaggedBackward0 "
        "NestedViewFromJaggedBackward0_copy NllLoss2DBackward0 NllLossBackward0 NormBackward0 NormBackward1 "
        "NormBackward2 NormBackward3 NormalBackward0 PdistBackward0 PermuteBackward0 PermuteBackward0_copy "
        "PinMemoryBackward0 PixelShuffleBackward0 PixelUnshuffleBackward0 PoissonBackward0 PolygammaBackward0 "
        "PolygammaBackward1 PowBackward0 ProdBackward0 ProdBackward1 Rad2DegBackward0 RandomBackward0 RandomBackward1 "
        "RandomBackward2 ReciprocalBackward0 ReflectionPad1DBackward0 ReflectionPad2DBackward0 "
        "ReflectionPad3DBackward0 ReluBackward0 RemainderBackward0 RenormBackward0 RepeatBackward0 "
        "ReplicationPad1DBackward0 ReplicationPad2DBackward0 ReplicationPad3DBackward0 ReshapeAliasBackward0 "
        "ReshapeAliasBackward0_copy ReshapeCopyBackward0 RollBackward0 Rot90Backward0 RoundBackward0 RoundBackward1 "
        "RreluWithNoiseBackward0 RreluWithNoiseBackward1 RreluWithNoiseFunctionalBackward0 RsqrtBackward0 "
        "RsubBackward1 SafeSoftmaxBackward0 ScatterBackward1 SelectBackward0 SelectBackward0_copy "
        "SelectBackwardAutogradNestedTensor0 SelectBackwardAutogradNestedTensor0_copy SgnBackward0 SigmoidBackward0 "
        "SignBackward0 SiluBackward0 SinBackward0 SincBackward0 SinhBackward0 SliceBackward0 SliceBackward0_copy "
        "SoftMarginLossBackward0 SoftmaxBackward0 SoftplusBackward0 SoftshrinkBackward0 SortBackward0 SortBackward1 "
        "SparseLogSoftmaxBackward0 SparseMaskBackward0 SparseSoftmaxBackward0 SparseSumBackward0 SpecialEntrBackward0 "
        "SpecialErfcxBackward0 SpecialI0EBackward0 SpecialI1Backward0 SpecialI1EBackward0 SpecialLogNdtrBackward0 "
        "SpecialNdtriBackward0 SpecialXlog1PyBackward2 SpecialZetaBackward2 SplitBackward0 SplitBackward0_copy "
        "SplitWithSizesBackward0 SplitWithSizesBackward0_copy SplitWithSizesBackwardAutogradNestedTensor0 "
        "SplitWithSizesBackwardAutogradNestedTensor0_copy SqrtBackward0 SqueezeBackward0 SqueezeBackward0_copy "
        "SqueezeBackward1 SqueezeBackward1_copy SqueezeBackward2 SqueezeBackward2_copy SqueezeBackward3 "
        "SqueezeBackward4 SqueezeBackward5 SqueezeBackwardAutogradNestedTensor0 "
        "SqueezeBackwardAutogradNestedTensor0_copy SqueezeBackwardAutogradNestedTensor1 "
        "SqueezeBackwardAutogradNestedTensor1_copy StandardGammaBackward0 StandardGammaGradBackward0 StdBackward0 "
        "StdMeanBackward0 SubBackward1 SumBackward0 SumBackward1 SumBackwardAutogradNestedTensor0 "
        "SumBackwardAutogradNestedTensor1 TBackward0 TBackward0_copy TBackward1 TakeBackward0 TanBackward0 "
        "TanhBackward0 TestAutogradMultipleDispatchBackward0 TestAutogradMultipleDispatchBackwardAutogradCUDA0 "
        "TestAutogradMultipleDispatchBackwardAutogradNestedTensor0 "
        "TestAutogradMultipleDispatchBackwardAutogradNestedTensor1 TestAutogradMultipleDispatchViewBackward0 "
        "TestAutogradMultipleDispatchViewBackward0_copy TestAutogradMultipleDispatchViewBackwardAutogradCUDA0 "
        "TestAutogradMultipleDispatchViewBackwardAutogradCUDA0_copy TestWarnInAutogradBackward0 ThresholdBackward0 "
        "ThresholdBackward1 ToCopyBackward0 ToDenseBackward0 ToMkldnnBackward0 ToPaddedTensorBackward0 "
        "ToSparseBackward0 ToSparseBackward1 ToSparseBscBackward0 ToSparseBsrBackward0 ToSparseCscBackward0 "
        "ToSparseCsrBackward0 TopkBackward0 TraceBackward0 TransposeBackward0 TransposeBackward0_copy "
        "TransposeBackward1 TrilBackward0 TriuBackward0 TruncBackward0 UnbindBackward0 UnbindBackward0_copy "
        "UnbindBackwardAutogradNestedTensor0 UnbindBackwardAutogradNestedTensor0_copy UnfoldBackward0 "
        "UnfoldBackward0_copy UniformBackward0 Unique2Backward0 UniqueBackward0 UniqueConsecutiveBackward0 "
        "UniqueDimBackward0 UniqueDimConsecutiveBackward0 UnsafeIndexBackward0 UnsafeMaskedIndexBackward0 "
        "UnsafeSplitBackward0 UnsafeSplitWithSizesBackward0 UnsafeViewBackward0 UnsqueezeBackward0 "
        "UnsqueezeBackward0_copy UnsqueezeBackward1 UpsampleBicubic2DAaBackward0 UpsampleBicubic2DBackward0 "
        "UpsampleBilinear2DAaBackward0 UpsampleBilinear2DBackward0 UpsampleLanczos2DAaBackward0 "
        "UpsampleLinear1DBackward0 UpsampleNearest1DBackward0 UpsampleNearest2DBackward0 UpsampleNearest3DBackward0 "
        "UpsampleNearestExact1DBackward0 UpsampleNearestExact2DBackward0 UpsampleNearestExact3DBackward0 "
        "UpsampleTrilinear3DBackward0 ValuesBackward0 ValuesBackward0_copy ValuesBackwardAutogradNestedTensor0 "
        "ValuesBackwardAutogradNestedTensor0_copy VarBackward0 VarMeanBackward0 ViewAsComplexBackward0 "
        "ViewAsComplexBackward0_copy ViewAsRealBackward0 ViewAsRealBackward0_copy ViewBackward0 ViewBackward0_copy "
        "ViewBackwardAutogradNestedTensor0 ViewBackwardAutogradNestedTensor0_copy XlogyBackward2 ZeroBackward0"
    ),
    "self A": "TriangularSolveBackward0",
    "self B": "LinalgSolveTriangularBackward0",
    "self b": "LinalgLstsqBackward0",
    "self batch1 batch2": "AddbmmBackward0 BaddbmmBackward0",
    "self end": "LerpBackward0",
    "self end weight": "LerpBackward1",
    "self exponent": "PowBackward1",
    "self grad_output weight": "LinearBackwardBackward0 MpsConvolutionBackwardBackward0",
    "self grid": "CudnnGridSamplerBackward0",
    "self grid grad_output": "CudnnGridSamplerBackwardBackward0",
    "self input2": "CholeskySolveBackward0",
    "self input2 input3": "OrmqrBackward0",
    "self mat vec": "AddmvBackward0",
    "self mat1 mat2": "AddmmBackward0 SparseAddmmBackward0 SparseSampledAddmmBackward0",
    "self mat2": "BmmBackward0 GroupedMmBackward0 MmBackward0",
    "self max": "ClampMaxBackward1",
    "self min": "ClampMinBackward1",
    "self min max": "ClampBackward0",
    "self other": (
        "AddBackward0 Atan2Backward0 CopysignBackward0 DistBackward0 DivBackward0 DivBackward2 EqBackward1 "
        "FmaxBackward0 FminBackward0 FmodBackward1 GeBackward1 GtBackward1 HypotBackward0 IgammaBackward0 "
        "IgammacBackward0 LdexpBackward0 LeBackward1 LinalgCrossBackward0 Logaddexp2Backward0 LogaddexpBackward0 "
        "LtBackward1 MatmulBackward0 MaximumBackward0 MinimumBackward0 MulBackward0 NeBackward1 NextafterBackward0 "
        "RemainderBackward1 RsubBackward0 SparseMmReduceImplBackward0 SparseSparseMatmulBackward0 "
        "SpecialXlog1PyBackward0 SpecialZetaBackward0 SubBackward0 VdotBackward0 WhereBackward0 XlogyBackward0"
    ),
    "self p": "BernoulliBackward1",
    "self scale zero_point": (
        "FakeQuantizeLearnablePerChannelAffineBackward0 FakeQuantizeLearnablePerTensorAffineBackward0"
    ),
    "self source": "IndexAddBackward0 IndexCopyBackward0 IndexReduceBackward0 MaskedScatterBackward0 PutBackward0",
    "self src": (
        "AsStridedScatterBackward0 DiagonalScatterBackward0 ScatterAddBackward0 ScatterBackward0 "
        "ScatterReduceBackward0 SelectScatterBackward0 SliceInverseBackward0 SliceScatterBackward0"
    ),
    "self target": (
        "BinaryCrossEntropyBackward0 BinaryCrossEntropyWithLogitsBackward0 HuberLossBackward0 MseLossBackward0 "
        "SmoothL1LossBackward0"
    ),
    "self tensor": "DotBackward0",
    "self tensor1 tensor2": "AddcdivBackward0 AddcmulBackward0",
    "self value": "FillBackward1 FillBackward3 IndexFillBackward1 MaskedFillBackward1",
    "self values": (
        "IndexPutBackward0 IndexPutImplBackward0 UnsafeIndexPutBackward0 UnsafeMaskedIndexPutAccumulateBackward0"
    ),
    "self vec": "MvBackward0",
    "self vec1 vec2": "AddrBackward0",
    "self weight": (
        "CudnnConvolutionBackward0 CudnnConvolutionTransposeBackward0 MpsConvolutionTransposeBackward0 "
        "PreluKernelBackward0"
    ),
    "self weight bias": (
        "ConvDepthwise2DBackward0 ConvDepthwise3DBackward0 ConvTbcBackward0 MiopenConvolutionBackward0 "
        "MiopenConvolutionTransposeBackward0 MiopenDepthwiseConvolutionBackward0 MkldnnConvolutionBackward0 "
        "MkldnnLinearBackward0 MpsConvolutionBackward0 SlowConv2DBackward0 SlowConv3DBackward0 "
        "SlowConvDilated2DBackward0 SlowConvDilated3DBackward0 SlowConvTranspose2DBackward0 "
        "SlowConvTranspose3DBackward0"
    ),
    "self*": (
        "ForeachAbsBackward0 ForeachAcosBackward0 ForeachAddBackward1Scalar ForeachAddBackward1ScalarList "
        "ForeachAsinBackward0 ForeachAtanBackward0 ForeachCeilBackward0 ForeachClampMaxBackward0Scalar "
        "ForeachClampMaxBackward0ScalarList ForeachClampMinBackward0Scalar ForeachClampMinBackward0ScalarList "
        "ForeachCloneBackward0 ForeachCosBackward0 ForeachCoshBackward0 ForeachDivBackward1Scalar "
        "ForeachDivBackward1ScalarList ForeachErfBackward0 ForeachErfcBackward0 ForeachExpBackward0 "
        "ForeachExpm1Backward0 ForeachFloorBackward0 ForeachFracBackward0 ForeachLgammaBackward0 ForeachLog10Backward0 "
        "ForeachLog1PBackward0 ForeachLog2Backward0 ForeachLogBackward0 ForeachMaxBackward1 ForeachMaximumBackward0 "
        "ForeachMaximumBackward1 ForeachMinimumBackward0 ForeachMinimumBackward1 ForeachMulBackward1Scalar "
        "ForeachMulBackward1ScalarList ForeachNegBackward0 ForeachNormBackward0 ForeachPowBackward0Scalar "
        "ForeachPowBackward1 ForeachReciprocalBackward0 ForeachRoundBackward0 ForeachRsqrtBackward0 "
        "ForeachSigmoidBackward0 ForeachSignBackward0 ForeachSinBackward0 ForeachSinhBackward0 ForeachSqrtBackward0 "
        "ForeachSubBackward1Scalar ForeachSubBackward1ScalarList ForeachTanBackward0 ForeachTanhBackward0 "
        "ForeachTruncBackward0"
    ),
    "self* exponent*": "ForeachPowBackward0",
    "self* mat2*": "ForeachMmBackward0",
    "self* other": "ForeachAddBackward0Tensor ForeachDivBackward0Tensor ForeachMulBackward0Tensor",
    "self* other*": (
        "ForeachAddBackward0List ForeachClampMaxBackward1List ForeachClampMinBackward1List ForeachDivBackward0 "
        "ForeachMaximumBackward0List ForeachMinimumBackward0List ForeachMulBackward0List ForeachSubBackward0List"
    ),
    "self* tensor1* tensor2*": (
        "ForeachAddcdivBackward0Scalar ForeachAddcdivBackward0ScalarList ForeachAddcmulBackward0Scalar "
        "ForeachAddcmulBackward0ScalarList"
    ),
    "self* tensors1*": "ForeachLerpBackward0Scalar ForeachLerpBackward0ScalarList",
    "self* tensors1* weights*": "ForeachLerpBackward1List",
    "std": "NormalBackward2",
    "t": "NestedTensorFromMaskBackward0",
    "tensors*": "BlockDiagBackward0 CatBackward0 StackBackward0",
    "theta": "AffineGridGeneratorBackward0 CudnnAffineGridGeneratorBackward0",
    "v g": "WeightNormInterfaceBackward0",
    "values": "SparseCompressedTensorBackward0 SparseCooTensorWithDimsAndTensorsBackward0",
    "weight": "EmbeddingBackward0",
    "weight per_sample_weights": "EmbeddingBagBackward0",
    "x1 x2": "CdistBackward0 EuclideanDistBackward0",
}
# End of the table.

_ADDED = {
    "CopyBackwards": ("self", "src"),
    "CopySlices": ("base", "value"),  # the tensor that was written into a part of, and what was written
}
"""Nodes that torch writes by hand."""


@lru_cache(maxsize=1)
def _slots_by_type() -> dict[str, tuple[str, ...]]:
    table = {node_type: tuple(slots.split()) for slots, types in _TYPES_BY_SLOTS.items() for node_type in types.split()}
    return table | _ADDED


def slot_names(node_type: str) -> tuple[str, ...] | None:
    """Name the slots of a node type; a trailing `*` marks a list of tensors, which takes one slot for each member."""
    return _slots_by_type().get(node_type.removeprefix("torch::autograd::"))


@lru_cache(maxsize=4096)
def slot_inputs(node_type: str, n_slots: int) -> tuple[str, ...] | None:
    """Name each slot of a node that has `n_slots` of them: `("tensors[0]", "tensors[1]")` for `CatBackward0` and 2.

    None where the type is unknown (a custom Function) or has a different number of slots than the table knows.
    """
    names = slot_names(node_type)
    if names is None:
        return None
    n_lists = sum(name.endswith("*") for name in names)
    n_members = n_slots - (len(names) - n_lists)
    if not n_lists:
        return names if n_slots == len(names) else None
    if n_members < 0 or n_members % n_lists:
        return None  # lists of different lengths: only torch knows where one ends
    length = n_members // n_lists
    inputs: list[str] = []
    for name in names:
        if name.endswith("*"):
            inputs += [f"{name[:-1]}[{member}]" for member in range(length)]
        else:
            inputs.append(name)
    return tuple(inputs)
