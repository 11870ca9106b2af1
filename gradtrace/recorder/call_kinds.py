"""What a function of torch can mean for the ledger, found out once for each function."""

from __future__ import annotations

import types
from typing import Any

_ATTRIBUTES_READ = frozenset(
    (
        *("grad", "grad_fn", "shape", "dtype", "device", "layout", "ndim", "requires_grad", "is_leaf", "output_nr"),
        *("is_sparse", "is_sparse_csr", "is_nested", "is_quantized", "is_mkldnn", "is_meta", "itemsize", "nbytes"),
        *("is_cpu", "is_cuda", "is_mps", "is_xpu", "is_xla", "is_ipu", "is_mtia", "is_vulkan", "is_maia"),
    )
)
_IN_PLACE_DUNDERS = frozenset(
    f"__{name}__" for name in ("setitem", "iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "idiv")
)
_HASHABLE = frozenset(
    {
        types.FunctionType,
        types.BuiltinFunctionType,
        types.MethodDescriptorType,
        types.WrapperDescriptorType,
        types.MethodWrapperType,
    }
)
"""Kinds of functions whose hash is the interpreter's own; any other callable is not asked for one."""


class CallKinds:
    """Sorts functions; a step of an optimizer reads thousands of attributes, so reading comes out first."""

    (
        PASSIVE,
        NOTHING,
        IN_PLACE,
        IN_PLACE_LIST,
        GRAD_SET,
        GRAD_DELETE,
        GRAD_GET,
        RETAIN,
        HOOKS,
        SWITCH,
    ) = range(10)
    """`PASSIVE` is reading an attribute: it makes no node and changes nothing."""

    def __init__(self, *, reads_of_grad: bool) -> None:
        self._reads_of_grad = reads_of_grad
        self.known: dict[Any, int] = {}
        """By function, as far as it was asked for before."""

    def of(self, func: Any) -> int:
        """What calls of this function can mean."""
        if type(func) not in _HASHABLE:
            return self.NOTHING
        kind = self.known.get(func)
        if kind is None:
            kind = self._sort(func)
            if kind == self.GRAD_GET and not self._reads_of_grad:
                kind = self.PASSIVE
            self.known[func] = kind
        return kind

    def _sort(self, func: Any) -> int:
        name: str = func.__name__
        if name in ("__set__", "__delete__", "__get__"):
            return self._of_attribute(name, getattr(getattr(func, "__self__", None), "__name__", ""))
        if name == "requires_grad_":
            return self.SWITCH
        if name == "retain_grad":
            return self.RETAIN
        if name.startswith(("_foreach_", "_amp_foreach_")) and name.endswith("_"):
            return self.IN_PLACE_LIST
        if name.startswith("_fused_"):
            return self.IN_PLACE_LIST
        if (name.endswith("_") and not name.endswith("__")) or name in _IN_PLACE_DUNDERS:
            return self.IN_PLACE
        return self.NOTHING

    def _of_attribute(self, access: str, attribute: str) -> int:
        if attribute == "requires_grad" and access == "__set__":
            return self.SWITCH
        if attribute == "grad":
            return {"__get__": self.GRAD_GET, "__set__": self.GRAD_SET}.get(access, self.GRAD_DELETE)
        if attribute == "_backward_hooks":
            return self.HOOKS
        return self.PASSIVE if access == "__get__" and attribute in _ATTRIBUTES_READ else self.NOTHING
