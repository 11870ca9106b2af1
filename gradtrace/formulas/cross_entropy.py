"""Which nodes torch makes of one cross-entropy with class numbers as its target."""

OF_CLASSES = frozenset({"LogSoftmaxBackward0", "NllLossBackward0", "NllLoss2DBackward0", "ViewBackward0"})
"""Without smoothing; the view where there is one dimension beside batch and classes."""

OF_SMOOTHING = frozenset(
    {
        *("MulBackward0", "MulBackward1", "SumBackward0", "SumBackward1", "DivBackward0", "DivBackward1"),
        *("NegBackward0", "MaskedFillBackward0", "AddBackward0"),
    }
)
"""What `label_smoothing` adds."""
