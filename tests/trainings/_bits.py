"""A hash of all that a training leaves behind."""

import hashlib
import random

import torch

torch.manual_seed(0)
random.seed(0)


def _numbers(tensor):
    if tensor is None:
        return b"none"
    tensor = tensor.detach()
    tensor = tensor.to_dense() if tensor.layout != torch.strided else tensor
    tensor = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
    return str(tensor.dtype).encode() + tensor.resolve_neg().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def bits(*things):
    """Of the weights, buffers and gradients of models, of tensors, and of the random states."""
    digest = hashlib.sha256()
    for one in things:
        tensors = [*one.parameters(), *one.buffers()] if isinstance(one, torch.nn.Module) else [one]
        for tensor in tensors:
            digest.update(_numbers(tensor))
            if isinstance(tensor, torch.Tensor) and tensor.is_leaf:
                digest.update(_numbers(tensor.grad))
    digest.update(_numbers(torch.get_rng_state()))
    digest.update(repr(random.getstate()).encode())
    return digest.hexdigest()
