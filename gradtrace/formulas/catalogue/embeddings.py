"""Embeddings."""

from gradtrace.formulas.formula import Formula, GradientTo

FORMULAS = (
    Formula(
        op="embedding",
        node_types=("EmbeddingBackward0",),
        forward="Looks up rows of a table by index.",
        backward=(
            "Each row gets the sum of the gradients of the positions that looked it up; rows never looked up, and the padding row, get 0. "
            "With scale_grad_by_freq the sum is divided by how often the row was looked up."
        ),
        gradients=(
            GradientTo(
                "weight",
                "Σ grad of the positions that looked the row up",
                "torch.zeros_like(weight).index_add(0, row, g / times if scale_grad_by_freq else g)",
            ),
        ),
        where=(
            ("row", "indices.reshape(-1)"),
            ("g", "grad.reshape(len(row), -1).masked_fill((row == padding_idx).unsqueeze(-1), 0)"),
            ("times", "row.bincount()[row].unsqueeze(-1)"),
        ),
        example="weight = tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])\nindices = torch.tensor([0, 2, 0])\npadding_idx = -1\n"
        "scale_grad_by_freq = False\nsparse = False\nresult = torch.embedding(weight, indices)",
    ),
    Formula(
        op="embedding_bag",
        node_types=("EmbeddingBagBackward0",),
        forward="Looks up rows of a table and adds (0), averages (1) or maximises (2) each bag of them.",
        backward=(
            "Each row gets the gradients of the bags it is in, times its sample weight, divided by the bag's size for an average; "
            "for a maximum only where it was the largest. A sample weight gets the dot product of its row and the bag's gradient."
        ),
        gradients=(
            GradientTo(
                "weight",
                "Σ grad of the bags that hold the row",
                "torch.zeros_like(weight).scatter_add(0, result3.clamp(min=0), grad.masked_fill(size.unsqueeze(-1) == 0, 0))"
                " if mode == 2 else torch.zeros_like(weight).index_add(0, indices, g / times if scale_grad_by_freq else g)",
            ),
            GradientTo(
                "per_sample_weights",
                "weight[indices] · grad of the bag",
                "(weight[indices] * grad[bag]).sum(-1).masked_fill(indices == padding_idx, 0)",
            ),
        ),
        where=(
            (
                "bag",
                "torch.bucketize(torch.arange(len(indices)), offsets[:-1] if include_last_offset else offsets, right=True) - 1",
            ),
            ("used", "(indices != padding_idx)"),
            ("size", "torch.zeros(len(grad), dtype=torch.long).index_add(0, bag, used.long())"),
            ("w", "used * (1 if per_sample_weights is None else per_sample_weights)"),
            ("g", "grad[bag] * w.unsqueeze(-1) / (size[bag].unsqueeze(-1).clamp(min=1) if mode == 1 else 1)"),
            ("times", "indices.bincount()[indices].unsqueeze(-1)"),
        ),
        example="weight = tensor([[1.0, 2.0], [3.0, 4.0]])\nindices = torch.tensor([0, 1, 1])\noffsets = torch.tensor([0, 2])\n"
        "scale_grad_by_freq = False\nmode = 0\nsparse = False\nper_sample_weights = tensor([1.0, 0.5, 2.0])\n"
        "include_last_offset = False\npadding_idx = -1\n"
        "result0, result1, result2, result3 = torch.ops.aten._embedding_bag("
        "weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights)",
    ),
)
