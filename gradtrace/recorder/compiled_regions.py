"""Tells when torch compiles or traces the program, or runs what it has compiled: then nothing of ours may be there.

`torch.jit.trace` makes the function that looks names up just before it calls the program, and drops it afterwards;
`fx.Tracer`, and so `make_fx` and `export`, keeps a patcher while it traces.

What Dynamo compiles is guarded by the modes on the stack and by the functions that it read, so that nothing of ours may
be there, neither when it compiles nor when it looks at its guards. Each of its contexts has a list of hooks which it
calls on entering, with frame evaluation off, and which say what to call on leaving: ours is added to it. The module is
imported late; until then the finder of torch's own folder waits for it, and is as before afterwards.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from gradtrace.recorder import torch_facts
from gradtrace.recorder.invisible import disguised
from gradtrace.recorder.patches import Patches

_MODULE = "torch._dynamo.eval_frame"
_PACKAGE = "torch._dynamo"

Enter = Callable[[], Callable[[], None]]


def watch(patches: Patches, enter: Enter, absorb: Callable[[BaseException], bool]) -> None:
    """Call `enter` whenever tracing begins or a compiled callable is entered, and what it returns when that is over.

    Args:
        patches: where it is noted how to undo this.
        enter: called with no arguments.
        absorb: called when the module cannot be watched after it was imported; False if that is to be raised.
    """
    _watch_jit_trace(patches, enter)
    _watch_fx(patches, enter)
    if _MODULE in sys.modules:
        _watch_contexts(patches, enter)
        return
    folder = torch_facts.TORCH_DIRECTORY.rstrip(os.sep)
    finder = sys.path_importer_cache.get(folder)
    attributes = getattr(finder, "__dict__", None)
    find_spec = getattr(finder, "find_spec", None)
    if attributes is None or find_spec is None:
        raise RuntimeError(f"the importer of {folder} is of an unknown kind")

    def find(name: str, *args: Any, **kwargs: Any) -> Any:
        spec = find_spec(name, *args, **kwargs)
        if name == _PACKAGE and spec is not None and spec.loader is not None:
            attributes.pop("find_spec", None)
            _after_import(spec.loader, lambda: _watch_contexts(patches, enter), absorb)
        return spec

    attributes["find_spec"] = find
    patches.add(lambda: attributes.pop("find_spec", None) and None)


def _after_import(loader: Any, then: Callable[[], None], absorb: Callable[[BaseException], bool]) -> None:
    """Run something once the module of this loader has been executed."""
    execute, attributes = loader.exec_module, vars(loader)

    def exec_module(module: Any) -> None:
        attributes.pop("exec_module", None)
        execute(module)
        try:
            then()
        except BaseException as error:
            if not absorb(error):
                raise

    # By this file name Python strips its own frames from the traceback of a failed import, and so this one.
    exec_module.__code__ = exec_module.__code__.replace(co_filename="<frozen importlib._bootstrap>")
    attributes["exec_module"] = exec_module


def _watch_contexts(patches: Patches, enter: Enter) -> None:
    context = sys.modules[_MODULE]._TorchDynamoContext

    def wrap(original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(self, *args, **kwargs)
            if self.callback is not None and self.callback is not False:
                self.enter_exit_hooks.append(enter)

        return disguised(__init__, original)

    patches.replace(context, "__init__", wrap)


def _watch_jit_trace(patches: Patches, enter: Enter) -> None:
    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def _create_interpreter_name_lookup_fn(*args: Any, **kwargs: Any) -> Any:
            left = enter()
            find_name = original(*args, **kwargs)
            weakref.finalize(find_name, left).atexit = False
            return find_name

        return disguised(_create_interpreter_name_lookup_fn, original)

    tracer = sys.modules.get("torch.jit._trace")
    if tracer is not None and hasattr(tracer, "_create_interpreter_name_lookup_fn"):
        patches.replace(tracer, "_create_interpreter_name_lookup_fn", wrap)


def _watch_fx(patches: Patches, enter: Enter) -> None:
    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @contextlib.contextmanager
        @functools.wraps(original)
        def _new_patcher(*args: Any, **kwargs: Any) -> Iterator[Any]:
            left = enter()
            try:
                with original(*args, **kwargs) as patcher:
                    yield patcher
            finally:
                left()

        return _new_patcher

    tracer = sys.modules.get("torch.fx._symbolic_trace")
    if tracer is not None and hasattr(tracer, "_new_patcher"):
        patches.replace(tracer, "_new_patcher", wrap)
