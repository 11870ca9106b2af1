"""Where the installed torch keeps the files that its own code generator reads."""

from importlib.util import find_spec
from pathlib import Path

from gradtrace.errors import GradtraceError


class TorchFilesError(GradtraceError):
    """The installed torch does not bring the description of its derivatives."""


def packaged_file(name: str) -> Path:
    """Find a file under `torchgen/packaged` without importing torch.

    Raises:
        TorchFilesError: torch is not installed, or was installed without it.
    """
    spec = find_spec("torchgen")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "packaged" / name
        if path.is_file():
            return path
    raise TorchFilesError(
        f"torch's own file torchgen/packaged/{name} was not found. It comes with torch 2.11 and later: "
        "install torch in the environment in which gradtrace runs."
    )
