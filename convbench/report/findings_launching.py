"""Which cases of a GPU are launch-bound, what that makes of a verdict, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convbench.clock.samples import KERNEL_TIME
from convbench.core import text as show
from convbench.report.document import Bullet
from convbench.report.groups import timed_rows
from convbench.report.phrases import MOST_NAMES, against

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.groups import Group
    from convbench.runs.frame import Row

_REMEDIES: Final = {
    "eager": "a larger batch, a CUDA graph or torch.compile",
    "compile": "a larger batch or a CUDA graph",
    "cuda_graph": "a larger batch, or more of the network in one graph",
}
"""What makes launching cost less, by the mode that a case was timed in."""


def bound(row: Row) -> bool:
    """Tell whether a row is known to be launch-bound."""
    return bool(row.launching and row.launching.bound)


def waits(row: Row) -> bool:
    """Tell whether the GPU waits in a row, and it is not known whether for launches."""
    return bool(row.launching and row.launching.waits and row.launching.bound is None)


def remedy(rows: Sequence[Row]) -> str:
    """Return what makes launching cost less in rows of one mode, or of several."""
    modes = {row.record.mode for row in rows}
    return _REMEDIES[modes.pop() if len(modes) == 1 else "eager"]


def launch_bound(all_groups: Sequence[Group], main: Group | None) -> Bullet | None:
    """Return how many cases are launch-bound, with an example, or where that is not known.

    None where no case of a GPU is, and for any other device.
    """
    rows = [row for row in timed_rows(all_groups) if row.launching]
    found = [row for row in rows if bound(row)]
    if not found:
        return _waiting(rows, all_groups) or _unknown(rows)
    cases = f"{len(found):,} of {show.plural(len(rows), 'timed case')}"
    be = "are" if found[1:] else "is"
    text = (
        f"{cases} {be} launch-bound: the host takes longer to launch a call than the GPU to run "
        f"its kernels, so that the GPU waits.{_verdicts(all_groups)} To come near kernel time, a "
        f"launch-bound case needs {remedy(found)}."
    )
    group, example = _example(all_groups, main)
    text += f" {'' if group is main else f'In {group.title}, '}{_told(example)}"
    answer = f"{cases} {be} launch-bound: use {remedy(found)}"
    return Bullet(lead="Launching", text=text, answer=answer)


def _waiting(rows: Sequence[Row], all_groups: Sequence[Group]) -> Bullet | None:
    """Return what kernel and event time alone say where issue times are missing."""
    found = [row for row in rows if waits(row)]
    if not found:
        return None
    most = max(found, key=_idle)
    cases = f"{len(found):,} of {show.plural(len(rows), 'timed case')}"
    share = show.percent(_idle(most))
    text = (
        f"In {cases} the GPU runs no kernel for part of the event time, at most for {share} "
        f"({most.record.label}). It waits for the host to launch calls, or between kernels that "
        f"are queued: which of the two is not known, since the run has no issue times."
        f"{_verdicts(all_groups)} If launching is the cause, {remedy(found)} brings a call near "
        f"its kernel time. {_told(most)}"
    )
    answer = (
        f"In {cases} the GPU waits, for up to {share} of the event time; the cause is not known"
    )
    return Bullet(lead="Launching", text=text, answer=answer)


def _verdicts(all_groups: Sequence[Group]) -> str:
    """Return by which clock verdicts are."""
    clocks = [group.clock for group in all_groups if group.timed]
    others = sum(clock != KERNEL_TIME for clock in clocks)
    if not others:
        return " Verdicts here are of kernel time."
    rest = " of kernel time," if others < len(clocks) else ""
    return f" Verdicts are{rest} in {show.plural(others, 'group')} of event time."


def _idle(row: Row) -> float:
    return (row.launching.share if row.launching else None) or 0.0


def _unknown(rows: Sequence[Row]) -> Bullet | None:
    found = [row for row in rows if not row.record.kernels_alone]
    if not found:
        return None
    cases = f"{len(found):,} of {show.plural(len(rows), 'timed case')}"
    text = (
        f"Of {cases} it is not known what launching costs, since the kernels were not timed alone. "
        "Their times are event times: for a small layer that may be the time to launch it."
    )
    return Bullet(lead="Launching", text=text, answer=f"Not known of {cases}")


def _example(all_groups: Sequence[Group], main: Group | None) -> tuple[Group, Row]:
    """Return a launch-bound row and its group: one whose verdict launching changes, if there is.

    That of the main group goes first, and depthwise separable.
    """
    found = [(group, row) for group in all_groups for row in group.timed if bound(row)]
    return max(
        found,
        key=lambda pair: (
            _turned(pair[1]), pair[0] is main, pair[1].record.name == "depthwise_separable"
        ),
    )  # fmt: skip


def _turned(row: Row) -> bool:
    """Tell whether the event times have another verdict than the kernel times."""
    return bool(row.time and row.event_ratio and row.time.verdict != row.event_ratio.verdict)


def _told(row: Row) -> str:
    """Return what launching makes of a row, in a sentence."""
    times = row.launching
    if times is None or times.kernel is None:
        return ""
    text = (
        f"{row.record.label} has {show.seconds(times.kernel.value)} of kernels in a call, and "
        f"calls follow one another every {show.seconds(times.events.value)}"
    )
    if _turned(row) and row.event_ratio and row.baseline:
        text += f": launched call by call it {against(row.event_ratio, row.baseline.label)}"
    return f"{text}."


def caution(rows: Sequence[Row]) -> str:
    """Return what to know of these rows where they are launch-bound, as a sentence; or "".

    Of event times, that they may be those of launching.
    """
    if any(row.launching and not row.record.kernels_alone for row in rows):
        return " These are event times, with launching in them; what the kernels take is not known."
    found = [row for row in rows if bound(row)]
    if not found:
        return _of_waiting([row for row in rows if waits(row)])
    names = show.listing([row.record.label for row in found], MOST_NAMES)
    said = ("They are" if found[1:] else "It is") if len(found) == len(rows) else (
        f"{show.capital(names)} {'are' if found[1:] else 'is'}"
    )  # fmt: skip
    text = f" {said} launch-bound, so use {remedy(found)} as well"
    lost = next((row for row in found if _turned(row)), None)
    if lost and lost.event_ratio and lost.baseline:
        ratio = against(lost.event_ratio, lost.baseline.label)
        text += f": launched call by call, {lost.record.label} {ratio}"
    return f"{text}."


def _of_waiting(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    most = max(rows, key=_idle)
    return (
        f" Launched call by call, {most.record.label} leaves the GPU without a kernel for "
        f"{show.percent(_idle(most))} of the time: if launching is the cause, use {remedy(rows)} "
        "as well."
    )
