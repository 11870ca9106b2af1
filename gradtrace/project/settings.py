"""The keys of `[tool.gradtrace]`, and what their values must be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from gradtrace.errors import UsageError
from gradtrace.model.kinds import Level, Severity
from gradtrace.model.run_options import LARGEST_SEED, LEAST_SEED
from gradtrace.suggest import did_you_mean

_RULES = Meta(description="a list of names of rules")

_NOT_HERE = {
    "python": "a file never chooses what is executed: give --python, or activate the environment",
    "quiet": "it is for one command: give -q",
    "verbose": "it is for one command: give -v",
}
"""Options that are no keys, and why."""


class ProjectSettings(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """The keys of the table, of which the command line can say something else.

    Attributes:
        file: the pyproject.toml with the table; no key of it.
    """

    file: Path

    passes: Annotated[str | int, Meta(description='passes, such as "1-3", 100, "all" or "last"')] | None = None
    level: Annotated[Level, Meta(description=f"one of {', '.join(Level)}")] | None = None
    device: Annotated[str, Meta(description='a device, such as "cpu" or "cuda:1"')] | None = None
    seed: Annotated[int, Meta(description="a whole number from -2**63 to 2**64 - 1")] | None = None
    dtype: (
        Annotated[
            Literal["float16", "bfloat16", "float32", "float64"],
            Meta(description="one of float16, bfloat16, float32, float64"),
        ]
        | None
    ) = None
    stop_after: Annotated[int, Meta(ge=1, description="a number of passes from 1 on")] | None = None
    timeout: Annotated[float, Meta(gt=0, description="a number of seconds above 0")] | None = None
    root: Annotated[tuple[str, ...], Meta(description="a list of names of tensors")] = ()
    format: Annotated[str, Meta(description="the name of a format")] | None = None
    select: Annotated[tuple[str, ...], _RULES] = ()
    ignore: Annotated[tuple[str, ...], _RULES] = ()
    severity: Annotated[Severity, Meta(description=f"one of {', '.join(Severity)}")] | None = None
    baseline: Annotated[str, Meta(description="the name of a file")] | None = None
    exit_zero: Annotated[bool, Meta(description="true or false")] = False

    @property
    def baseline_file(self) -> Path | None:
        """The file of known findings, which is named as seen from the folder of the settings."""
        return None if self.baseline is None else self.file.parent / self.baseline

    def blamed(self, key: str, error: UsageError) -> UsageError:
        """What is wrong with the value of a key, when that is known later only.

        Args:
            key: as the file spells it.
            error: what was said of the value.
        """
        return UsageError(f"{self.file}: {key} in [tool.gradtrace]: {error}")


def decoded(table: Any, file: Path) -> ProjectSettings:
    """The settings in a table.

    Args:
        table: what stands under `tool.gradtrace`.
        file: where.

    Raises:
        UsageError: a key is unknown, or a value is not what the key takes.
    """
    if not isinstance(table, Mapping):
        raise UsageError(f"{file}: tool.gradtrace is no table: write [tool.gradtrace] above its keys")
    types = get_type_hints(ProjectSettings, include_extras=True)
    names = {key: name for name, key in keys().items()}
    values = {}
    for key, value in table.items():
        if key not in names:
            raise UsageError(f"{file}: [tool.gradtrace] has a key {key!r}; {_meant(key, list(names))}")
        try:
            values[names[key]] = _converted(key, value, types[names[key]])
        except msgspec.ValidationError:
            kind = types[names[key]]
            wanted, choices = meaning(kind), _choices(kind)
            meant = did_you_mean(value, choices, most=1, alike=0.5) if isinstance(value, str) else ""
            shown = msgspec.json.encode(value).decode()
            raise UsageError(
                f"{file}: {key} in [tool.gradtrace] must be {wanted}, not {shown}{f'; {meant}' if meant else ''}"
            ) from None
    return ProjectSettings(file=file, **values)


def _converted(key: str, value: Any, kind: Any) -> Any:
    converted = msgspec.convert(value, kind)
    if key == "seed" and not LEAST_SEED <= converted <= LARGEST_SEED:  # no constraint of msgspec reaches that far
        raise msgspec.ValidationError
    return converted


def keys() -> dict[str, str]:
    """The keys as the file spells them, by the names of the fields."""
    encoded = zip(ProjectSettings.__struct_fields__, ProjectSettings.__struct_encode_fields__, strict=True)
    return {name: key for name, key in encoded if name != "file"}


def meaning(kind: Any) -> str:
    """What the value of a key must be, in words.

    Args:
        kind: the annotated type of the field.
    """
    return next(str(one.description) for one in _flat(kind) if isinstance(one, Meta) and one.description)


def _flat(kind: Any) -> list[Any]:
    """The parts of an annotated type, however it is nested."""
    found = list(getattr(kind, "__metadata__", ()))
    for part in get_args(kind):
        found += [part, *_flat(part)]
    return found


def _choices(kind: Any) -> list[str]:
    words = [part for part in _flat(kind) if isinstance(part, str)]
    enumerated = [part for part in _flat(kind) if isinstance(part, type) and issubclass(part, Level | Severity)]
    return [*words, *(member.value for one in enumerated for member in one)]


def _meant(key: str, known: list[str]) -> str:
    spelled = key.replace("_", "-")
    if spelled in _NOT_HERE:
        return _NOT_HERE[spelled]
    return did_you_mean(spelled, known, most=1, alike=0.5) or f"it may have {', '.join(known)}"
