"""Attention in one kernel; where torch composes it, the nodes are those of matmul and softmax."""

from gradtrace.formulas.formula import Formula, GradientTo

FORMULAS = (
    Formula(
        op="scaled_dot_product_attention",
        node_types=("ScaledDotProductFlashAttentionForCpuBackward0",),
        forward="Mixes the rows of value by P = softmax(query · keyᵀ · scale + mask).",
        backward=(
            "value gets Pᵀ · gradient. The gradient of P, gradient · valueᵀ, goes back through the softmax to the scores S, "
            "and from there, times scale, to query (as dS · key) and key (as dSᵀ · query)."
        ),
        gradients=(
            GradientTo("query", "dS · key · scale", "(ds @ key) * factor"),
            GradientTo("key", "dSᵀ · query · scale", "(ds.mT @ query) * factor"),
            GradientTo("value", "Pᵀ · grad", "p.mT @ grad"),
        ),
        where=(
            ("factor", "query.shape[-1] ** -0.5 if scale is None else scale"),
            ("scores", "query @ key.mT * factor + (0 if attn_mask is None else attn_mask)"),
            ("past", "torch.ones(scores.shape[-2:], dtype=torch.bool).tril()"),
            ("p", "torch.softmax(scores.masked_fill(~past, -math.inf) if is_causal else scores, -1)"),
            ("dp", "grad @ value.mT"),
            ("ds", "p * (dp - (dp * p).sum(-1, keepdim=True))"),
        ),
        example="query = tensor([[[[1.0, 0.0]]]])\nkey = tensor([[[[1.0, 0.0], [0.0, 1.0]]]])\nvalue = tensor([[[[1.0, 2.0], [3.0, 4.0]]]])\n"
        "dropout_p = 0.0\nis_causal = False\nattn_mask = None\nscale = None\n"
        "result = F.scaled_dot_product_attention(query, key, value)",
        twins=(
            "ScaledDotProductFlashAttentionBackward0",
            "ScaledDotProductEfficientAttentionBackward0",
            "ScaledDotProductCudnnAttentionBackward0",
            "ScaledDotProductFusedAttentionOverrideableBackward0",
            "FlashAttentionBackward0",
            "EfficientAttentionBackward0",
            "CudnnAttentionBackward0",
        ),
        aliases=("sdpa", "attention"),
    ),
)
