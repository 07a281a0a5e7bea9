"""What `convbench doctor` does, from words to a result; nothing is printed here."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

from convbench.machine.advice import Advice, advice
from convbench.machine.resolution import Resolution, verdict
from convbench.machine.selfcheck import check_budget, in_fresh_process

SCHEMA: Final = 1
"""Of what `to_json` writes: 1 has schema, verdict, resolution, derived, advice, fingerprint."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything that a visit to the doctor tells."""

    fingerprint: dict[str, Any]
    resolution: Resolution
    advice: tuple[Advice, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it for `json`; "derived" repeats what follows from the resolution, as shares."""
        return {
            "schema": SCHEMA,
            "verdict": verdict(self.resolution),
            "resolution": self.resolution.to_json(),
            "derived": {
                "believable": self.resolution.believable,
                **{
                    size.name: {
                        "trials": len(size.trials),
                        "excluding_one": size.excluding_one,
                        "typical_half_width": finite(size.typical),
                        "widest_half_width": finite(size.widest),
                        "smallest_difference": size.smallest_difference,
                    }
                    for size in self.resolution.sizes
                },
            },
            "advice": [asdict(each) for each in self.advice],
            "fingerprint": self.fingerprint,
        }


def finite(share: float) -> float | None:
    """Return a share for JSON, which knows no infinity."""
    return share if math.isfinite(share) else None


def examine(*, budget: float, threads: int | None, device: str, seed: int = 0) -> Findings:
    """Take the fingerprint, make the A/A test, and draw the conclusions. Imports torch.

    The fingerprint is of this process; the test is made in a fresh one, as `convbench run` times.

    Args:
        budget: seconds for the A/A test.
        threads: intra-op threads; None is a number that can be measured here, as for a run.
        device: "auto", "cpu" or "cuda:<index>".
        seed: of the A/A test.

    Raises:
        ConvbenchError: a budget, thread count or device that cannot be.

    """
    check_budget(budget)
    from convbench.machine.device import resolve_device, resolve_threads
    from convbench.machine.fingerprint import fingerprint

    chosen = resolve_device(device)
    (number,), because = resolve_threads(None if threads is None else (threads,), chosen)
    # Before the test, whose own load it would else show.
    facts = fingerprint(chosen, number, because)
    resolution = in_fresh_process(budget, number, chosen, seed)
    return Findings(
        fingerprint=facts,
        resolution=resolution,
        advice=advice({**facts, **resolution.facts()}),
    )
