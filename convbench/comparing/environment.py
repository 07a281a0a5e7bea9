"""Which keys of two fingerprints must match before times compare, and which do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from convbench.comparing.frequencies import FREQUENCIES
from convbench.core.errors import RunError
from convbench.machine.fingerprint import GROUPS, MUST_MATCH

OF_THE_AXIS: Final[dict[str, frozenset[str]]] = {
    "device": frozenset({*GROUPS["Device"], "cuda", "cudnn", "cudnn_depthwise_kernel"})
    - {"threads", "stopwatch"},
    "threads": frozenset({"threads"}),
}
"""Keys that differ by themselves where the sides differ in an axis."""
_PASSING: Final = frozenset(
    {
        "load_1min", "steal_share", "memory_available_gib", "frequency_mhz", "git_dirty",
        "threads_because", "gpu_clock_mhz", "gpu_memory_clock_mhz", "gpu_temperature_c",
        "gpu_throttled", "gpu_other_processes",
    }
)  # fmt: skip
"""Facts of a moment, which two runs never share."""
ALL_KEYS: Final = "all"
"""Given as allowed: every key may differ."""
UNTOLD: Final = "not recorded"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A key in which two fingerprints differ.

    must_match: times do not compare while it differs. allowed: it must match, and somebody said
    that it may differ here, for instance because it is what is compared.
    """

    key: str
    left: Any
    right: Any
    must_match: bool
    allowed: bool = False

    @property
    def in_the_way(self) -> bool:
        """Whether times are not compared because of this."""
        return self.must_match and not self.allowed


def environments(
    left: Mapping[str, Any], right: Mapping[str, Any], allowed: frozenset[str] = frozenset()
) -> tuple[Difference, ...]:
    """Return every key in which two fingerprints differ, those that must match first.

    A key that one of them lacks, because an older convbench did not look for it, is shown as not
    recorded, and is in the way if it must match.
    """
    keys = dict.fromkeys((*MUST_MATCH, *left, *right))
    return tuple(
        Difference(
            key=key,
            left=left.get(key, UNTOLD),
            right=right.get(key, UNTOLD),
            must_match=key in MUST_MATCH,
            allowed=key in allowed or ALL_KEYS in allowed,
        )
        for key in keys
        if key not in _PASSING and left.get(key, UNTOLD) != right.get(key, UNTOLD)
    )


def check_allowed(keys: tuple[str, ...]) -> frozenset[str]:
    """Return the keys as a set; RunError for one that need not match anyway."""
    known = (*MUST_MATCH, *FREQUENCIES)
    unknown = [key for key in keys if key not in {*known, ALL_KEYS}]
    if unknown:
        raise RunError(
            f"--allow {','.join(unknown):.200}: only the keys that must match can be allowed to "
            f"differ; give {ALL_KEYS}, or any of {', '.join(known)}."
        )
    return frozenset(FREQUENCIES if ALL_KEYS in keys else ()) | frozenset(keys)
