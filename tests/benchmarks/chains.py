"""What recording costs as the graph grows: chains of 10^3 to 10^6 nodes."""

from children import ask
from table import table

_TEXT = """## Long chains

One pass over a chain of N multiplications, recorded at the default level: microseconds of processor a node for walking
the graph, for describing and writing it, and for all of forward and backward; the highest memory above that before the
chain, in bytes a node, with and without recording; and the recording's size.
"""


def chains(longest: int) -> str:
    """The section."""
    rows, costs = [], []
    length = 1000
    while length <= longest:
        recorded = ask("chain_cost.py", str(length), "recorded", timeout=900)
        plain = ask("chain_cost.py", str(length), "plain", timeout=900)
        if isinstance(recorded, str) or isinstance(plain, str):
            rows.append([f"{length:,}", f"{recorded} {plain}"[:80], *[""] * 6])
        else:
            each = 1e6 / length
            costs.append(recorded["total"] * each)
            rows.append(
                [
                    f"{length:,}",
                    *(f"{recorded[phase] * each:.1f}" for phase in ("walk", "write", "total")),
                    f"{plain['total'] * each:.1f}",
                    *(f"{one['peak_mib'] * (1 << 20) / length:,.0f}" for one in (recorded, plain)),
                    f"{recorded['file_mib']:.1f} MiB",
                ]
            )
        length *= 10
    head = ["N", "walk µs", "write µs", "in all µs", "plain µs", "peak B/node", "plain B/node", "file"]
    verdict = ""
    if len(costs) > 1:
        growth = costs[-1] / costs[-2]
        is_linear = growth < 1.25
        verdict = f"- cost a node from the second longest chain to the longest: x{growth:.2f}, aim: linear: "
        verdict += "**met**\n" if is_linear else "**missed**\n"
    return "\n".join([_TEXT, table(head, rows), verdict])
