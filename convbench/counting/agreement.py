"""Whether a counter agrees with the derived multiplications, on the part that both count."""

from __future__ import annotations

from typing import Literal, NamedTuple

from convbench.counting.tally import Tally, Unavailable

Verdict = Literal["agrees", "lower bound", "differs", "unavailable"]


class Agreement(NamedTuple):
    """A verdict, and the sentence that explains it (empty when counts agree)."""

    verdict: Verdict
    text: str


def judge(multiplications: int, tally: Tally | Unavailable) -> Agreement:
    """Compare derived multiplications with a tally's MACs.

    A counter that met operators it does not know gives a lower bound, never an agreement: not even
    when the numbers happen to be equal.
    """
    if isinstance(tally, Unavailable):
        return Agreement("unavailable", tally.reason)
    gap = tally.macs - multiplications
    if tally.unsupported:
        unknown = ", ".join(
            f"{name} (×{calls})" if calls > 1 else name for name, calls in tally.unsupported.items()
        )
        return Agreement(
            "lower bound",
            f"{tally.counter} does not know {unknown}, so its {tally.macs:,} is a lower bound "
            f"({_signed(gap)} against the formula)",
        )
    if gap:
        share = f", a factor of {tally.macs / multiplications:.4g}" if multiplications else ""
        return Agreement(
            "differs",
            f"{tally.counter} counts {tally.macs:,}, {_signed(gap)} against the formula{share}",
        )
    return Agreement("agrees", "")


def _signed(gap: int) -> str:
    return f"{gap:+,}" if gap else "±0"
