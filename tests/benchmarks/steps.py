"""What a step costs: ratios to the plain step, for every workload and variant."""

from statistics import median
from typing import Any

from children import ask
from table import table

_ROWS = {
    "unrecorded": "gradtrace, a pass after those asked for",
    "norms": "gradtrace norms",
    "structure": "gradtrace, structure only",
    "default": "gradtrace, default",
    "full": "gradtrace, all statistics",
    "check": "gradtrace check",
    "anomaly": "anomaly mode",
    "torchviz": "torchviz (the graph, no values)",
    "torchlens": "torchlens (forward only)",
}
_AIMS = {"unrecorded": 1.02, "default": 1.15, "check": 1.5, "norms": 1.05}
_AIMS_OF_TINY = {"unrecorded": 1.02, "default": 3.0, "check": 4.0}
_TINY = ("chain", "mlp")

_PATIENCE = 200.0
_TEXT = """## A step

Each cell: ratio of the medians to the plain step (median ratio of neighbouring pairs). *Structure only* measures no
tensor (`--level structure`), *default* takes norms, and all values of tensors up to 16 elements, *all statistics* is
`--level full`; *check* watches where values leave the graph, and takes what the rules read: norms, too, and hardly
more; *norms* takes the norms that every step finds in `.grad`, and records no graph. A recorded step writes its graph,
places, names, edge gradients and ledger to the file. Steps are in the state that lasts: what is done once for a program
is not in them. `unfinished` stands where a dozen steps or so took
more than 200 s; a name of an error, where the tool failed. The step of GPT-2 is long and the pairs are few: its
ratios differ by up to 0.2 from run to run, and one below 1 means no more than that.
"""


def steps(works: list[str]) -> str:
    """The section."""
    plain: dict[str, list[float]] = {}
    titles: dict[str, str] = {}
    cells: dict[tuple[str, str], tuple[float, str]] = {}
    for work in works:
        for variant in _ROWS:
            answer = ask("step_pairs.py", work, variant, timeout=_PATIENCE)
            if isinstance(answer, str):
                cells[work, variant] = (float("nan"), answer)
                continue
            titles[work] = answer["title"]
            plain.setdefault(work, []).extend(row[0] for row in answer["rows"])
            cells[work, variant] = _ratio(answer["rows"])
    head = ["", *(titles.get(work, work) for work in works)]
    rows = [["plain step", *(f"{median(plain[work]) * 1e3:.4g} ms" for work in works)]]
    rows += [[text, *(cells[work, variant][1] for work in works)] for variant, text in _ROWS.items()]
    return "\n".join([_TEXT, table(head, rows), _verdicts(works, titles, cells)])


def _ratio(rows: list[list[float]]) -> tuple[float, str]:
    of_medians = median(row[2] for row in rows) / median(row[0] for row in rows)
    of_pairs = median(row[2] / row[0] for row in rows)
    return of_medians, f"{of_medians:.2f} ({of_pairs:.2f})"


def _verdicts(works: list[str], titles: dict[str, str], cells: dict[Any, Any]) -> str:
    lines = []
    for work in works:
        for variant, limit in (_AIMS_OF_TINY if work in _TINY else _AIMS).items():
            ratio = cells[work, variant][0]
            verdict = "met" if ratio <= limit + 0.005 else "missed"
            lines.append(f"- {titles.get(work, work)}, {_ROWS[variant]}: {ratio:.2f}, aim {limit:g}: **{verdict}**")
    return "\n".join(lines) + "\n"
