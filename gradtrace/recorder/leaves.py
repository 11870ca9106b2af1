"""The leaves of the program: identity over passes, names, owners, and where their `.grad` lies."""

from __future__ import annotations

import threading
import weakref
from contextlib import AbstractContextManager
from typing import Any

import torch

from gradtrace.model.kinds import LeafKind
from gradtrace.recorder import torch_facts
from gradtrace.recorder.births import Births
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.looking import is_tensor
from gradtrace.recorder.measure import has_memory, is_readable, values
from gradtrace.recorder.names import Names
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.shards import Shards
from gradtrace.recorder.stores import stored_by

_MAX_SEARCHES = 3


class LeafState:
    """What is known of one leaf between passes; the tensor itself is not kept alive."""

    __slots__ = (
        "dtype",
        "grad_pointer",
        "has_grad",
        "id",
        "is_named",
        "n_searches",
        "name",
        "owners",
        "record",
        "reference",
        "thread",
        "version",
    )

    def __init__(self, number: int, reference: weakref.ref[torch.Tensor]) -> None:
        self.id = number
        self.reference = reference
        self.name = ""
        self.is_named = False
        self.n_searches = 0
        """How often a way was looked for that leads from a variable to it, and none was found."""
        self.owners: list[int] = []
        self.record: dict[str, Any] = {}
        self.grad_pointer = 0
        self.version = -1
        self.has_grad = False
        self.thread: int | None = None
        """Which thread's pass met it first."""


class Leaves:
    """The registry."""

    def __init__(self, journal: Journal, names: Names, value_limit: int, births: Births | None = None) -> None:
        self._journal = journal
        self._names = names
        self._births = births or Births()
        self._value_limit = value_limit
        self.shards = Shards()
        self._given: dict[int, tuple[weakref.ref[torch.Tensor], str]] = {}
        self.states: dict[int, LeafState] = {}
        """By id of the live tensor, in order of discovery; to go through them, copy first: any tensor may die."""
        self._next = 0
        self._by_grad: dict[int, LeafState] = {}
        """By address of the data of `.grad`, as it was after the last pass or event."""
        self._running: dict[int, tuple[int, frozenset[int] | None]] = {}
        """Passes whose engine runs: thread, and the ids of the leaves below its roots, None where nobody looked."""
        self.was_concurrent = False
        """Engines have run on two threads at once, over leaves that nobody knows."""
        self._lock = threading.RLock()
        self._changed = 0
        """How often the set of leaves, or who met them, has changed."""
        self._own: dict[int, tuple[int, list[LeafState]]] = {}
        self._by_storage: tuple[int, dict[int, LeafState]] = (-1, {})

    # Whose leaves may be touched. An engine replaces `.grad` without the interpreter's lock, so that to look at the
    # `.grad` of a leaf while the engine of another thread may run over it is to read freed memory.

    def touching(self) -> AbstractContextManager[Any]:
        """No engine begins on another thread while this one looks at `.grad`."""
        return self._lock

    def engine_begins(self, index: int, thread: int, leaves: frozenset[int] | None) -> None:
        """The engine is about to run a pass."""
        with self._lock:
            self._running[index] = (thread, leaves)
            if len(self._running) > 1 and any(one is None for _, one in self._running.values()):
                self.was_concurrent = self.was_concurrent or any(one != thread for one, _ in self._running.values())

    def engine_ends(self, index: int) -> None:
        """The engine has run it."""
        with self._lock:
            self._running.pop(index, None)

    @property
    def is_any_running(self) -> bool:
        """Whether any engine runs."""
        return bool(self._running)

    def running_on(self, thread: int) -> int | None:
        """The innermost pass that this thread runs."""
        return next((index for index, one in reversed(self._running.copy().items()) if one[0] == thread), None)

    def meet(self, state: LeafState, thread: int) -> None:
        """A pass of this thread runs over the leaf."""
        if state.thread is None:
            state.thread = thread
            self._changed += 1

    def may_touch(self, state: LeafState, thread: int) -> bool:
        """Whether this thread may look at the `.grad` of the leaf now; ask and look within `touching`."""
        for other, leaves in self._running.values():
            if other != thread and (leaves is None or state.id in leaves):
                return False
        return True

    def is_alone(self, thread: int) -> bool:
        """Whether no other thread's engine runs; ask and look within `touching`."""
        running = self._running
        return not running or all(other == thread for other, _ in running.values())

    def owned(self, thread: int) -> list[LeafState]:
        """The leaves that a pass of this thread met first; none where engines run side by side.

        Where all passes run on one thread, those too that no pass has met: a frozen one may be trained later on.
        """
        if self.was_concurrent:
            return []
        known = self._own.get(thread)
        if known is None or known[0] != self._changed:
            everyone = list(self.states.copy().values())
            is_only = all(state.thread in (thread, None) for state in everyone)
            states = [one for one in everyone if one.thread == thread or (is_only and one.thread is None)]
            known = self._own[thread] = (self._changed, states)
        return known[1]

    def name(self, tensor: torch.Tensor, name: str) -> None:
        """Say what a leaf is called."""
        self._given[id(tensor)] = (weakref.ref(tensor), name)

    def find(self, tensor: torch.Tensor) -> LeafState | None:
        """The leaf's state, if it is known."""
        state = self.states.get(id(tensor))
        return state if state is not None and state.reference() is tensor else None

    def get(self, tensor: torch.Tensor, scope: Scope | None) -> LeafState:
        """The leaf's state; a new leaf is named and written down."""
        tensor = self.shards.part_of(tensor)
        state = self.find(tensor)
        if state is None:
            key = id(tensor)
            table = self.states
            number = self._next
            self._next += 1

            def forget(_: object, key: int = key, number: int = number) -> None:
                held = table.get(key)
                if held is not None and held.id == number:
                    del table[key]
                    self._changed += 1

            state = LeafState(number, weakref.ref(tensor, forget))
            self._define(state, tensor, scope)  # first: what is not written down must not be referred to
            table[key] = state
            self._changed += 1
        elif not state.is_named and scope is not None:
            self._define(state, tensor, scope)
        return state

    def _define(self, state: LeafState, tensor: torch.Tensor, scope: Scope | None) -> None:
        name, kind, state.is_named = self._name_of(tensor, scope, state)
        is_lazy = torch_facts.is_uninitialized(tensor)
        if is_lazy:
            state.is_named = False  # to be written again when it has a shape
        value = state.record.get("value")  # what it held when it was first met, also if its name is found later
        if value is None and is_readable(tensor) and tensor.is_cpu and has_memory(tensor):
            value = values(tensor.detach()) if tensor.numel() <= self._value_limit else None
        state.name = name
        state.record = {
            "t": "leaf",
            "id": state.id,
            "name": name,
            "kind": kind,
            "shape": [] if is_lazy else torch_facts.extents(torch_facts.any_shape(tensor)),
            "dtype": torch_facts.short_dtype(tensor.dtype),
            "device": str(tensor.device),
            "requires_grad": torch_facts.requires_grad(tensor),
            "optimizers": state.owners,
            "value": value,
            "location": self._journal.place(self._births.place(tensor)),
        }
        if scope is not None and kind == LeafKind.TENSOR and ("." in name or "[" in name):
            state.record["stored"] = self._journal.place(stored_by(scope.codes(), name))
        self._journal.write(state.record)

    def _name_of(self, tensor: torch.Tensor, scope: Scope | None, state: LeafState) -> tuple[str, LeafKind, bool]:
        given = self._given.get(id(tensor))
        if given is not None and given[0]() is tensor:
            return given[1], LeafKind.TENSOR, True
        found = self._names.tensor(tensor)
        whole = self.shards.whole_of(tensor) if found is None else None
        if whole is not None:  # a module may hold that one now
            found = self._names.tensor(whole)
        if found is not None:
            return *found, True
        kind = LeafKind.PARAMETER if issubclass(type(tensor), torch.nn.Parameter) else LeafKind.TENSOR
        variable = scope.tensors.get(id(tensor)) if scope is not None else None
        is_sure = variable is not None and scope is not None and id(tensor) not in scope.of_loops
        if not is_sure and scope is not None and state.n_searches < _MAX_SEARCHES:
            state.n_searches += 1
            variable = scope.path(tensor) or variable
        if variable is not None:
            return variable, kind, True
        return f"leaf {state.id}", kind, False

    def name_unnamed(self, scope: Scope) -> None:
        """Look once more for what leaves without a name are called."""
        for state in self.states.copy().values():
            if not state.is_named:
                tensor = state.reference()
                if tensor is not None and (id(tensor) in scope.tensors or self._names.tensor(tensor) is not None):
                    self._define(state, tensor, scope)

    def own(self, state: LeafState, owners: list[int]) -> None:
        """Write down which optimizers hold the leaf, when that changed."""
        if owners != state.owners:
            state.owners = owners
            state.record["optimizers"] = owners
            self._journal.write(state.record)

    @property
    def has_grads(self) -> bool:
        """Whether any `.grad` is known, and so worth recognizing."""
        return bool(self._by_grad)

    def whose_memory(self, tensor: torch.Tensor) -> LeafState | None:
        """The leaf whose storage a tensor has, or a part of it; which leaf has which is found out now and then."""
        if self._by_storage[0] != self._changed:
            found: dict[int, LeafState] = {}
            for state in self.states.copy().values():
                leaf = state.reference()
                pointer = 0 if leaf is None else torch_facts.storage_pointer(leaf)
                if pointer:
                    found.setdefault(pointer, state)
            self._by_storage = (self._changed, found)
        pointer = torch_facts.storage_pointer(tensor)
        state = self._by_storage[1].get(pointer) if pointer else None  # type: ignore[assignment]
        leaf = None if state is None else state.reference()
        return state if leaf is not None and torch_facts.storage_pointer(leaf) == pointer else None

    def whose_grad(self, tensor: object) -> LeafState | None:
        """The leaf whose `.grad` has the data of this tensor."""
        if type(tensor) not in torch_facts.PLAIN_TYPES:
            tensor = torch_facts.local_part(tensor) if is_tensor(tensor) else None
            if type(tensor) not in torch_facts.PLAIN_TYPES:
                return None
        pointer = torch_facts.pointer(tensor)  # type: ignore[arg-type]
        state = self._by_grad.get(pointer) if pointer else None
        base: torch.Tensor | None = tensor._base  # type: ignore[attr-defined]
        begin = pointer
        if state is None and pointer and base is not None:  # a part of it
            begin = torch_facts.pointer(base)
            state = self._by_grad.get(begin)
        leaf = None if state is None else state.reference()
        if state is None or leaf is None or pointer - begin >= leaf.numel() * leaf.element_size():
            return None
        pointer = begin
        with self.touching():  # the address may have been given to another tensor since
            if not self.may_touch(state, threading.get_ident()):
                return None
            grad = leaf.grad
        if grad is None:
            return None
        return state if torch_facts.pointer(torch_facts.local_part(grad)) == pointer else None

    def is_grad_of(self, value: object, state: LeafState) -> bool:
        """Whether a tensor is the `.grad` that the leaf has anyway, or the whole of its memory."""
        if not state.has_grad or not state.grad_pointer or not is_tensor(value):
            return False
        value = torch_facts.local_part(value)
        return type(value) in torch_facts.PLAIN_TYPES and torch_facts.pointer(value) == state.grad_pointer

    def remember_grads(self, numbers: list[int]) -> None:
        """Note where the `.grad` of these leaves lie now, to recognize them when they are written to."""
        wanted = set(numbers)
        thread = threading.get_ident()
        with self.touching():
            for state in self.states.copy().values():
                tensor = state.reference() if state.id in wanted else None
                if tensor is not None and self.may_touch(state, thread):
                    self.remember(state, self.shards.gradient(tensor))

    def remember(self, state: LeafState, grad: torch.Tensor | None) -> None:
        """Note one leaf's `.grad`."""
        if self._by_grad.get(state.grad_pointer) is state:
            del self._by_grad[state.grad_pointer]
        if grad is None:
            state.has_grad, state.version, state.grad_pointer = False, -1, 0
            return
        state.has_grad, state.version = True, grad._version
        state.grad_pointer = torch_facts.pointer(torch_facts.local_part(grad))
        if state.grad_pointer:
            self._by_grad[state.grad_pointer] = state

    def after_fork(self) -> None:
        """The stream is a new one: define every leaf anew when it is met."""
        self._lock = threading.RLock()
        self._running.clear()
        self._by_grad.clear()
        self.states.clear()
        self._changed += 1
        self._next = 0
