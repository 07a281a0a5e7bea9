"""Whether two counts of a network are equal; and if not, what is known about it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

EXPLANATIONS = Path(__file__).with_name("explanations.toml")

EQUAL, APART, BOUND, EXPLAINED, DIFFERENT, REFUSED, FAILED = (
    "equal", "equal, apart", "lower bound", "explained", "DIFFERENT", "refused", "not made",
)  # fmt: skip
"""apart: equal once what stands in columns of its own is taken out. refused: torch ran the network
and convbench would not count it. not made: torch did not make it or run it either."""


@dataclass(frozen=True)
class Explanation:
    """Why the counts of some networks differ, and who is right.

    right: "convbench", "independent", "neither" or "arguable". operators: the difference must be
    what the two count for these operators, where they are named. difference: it must be this many.
    """

    package: str
    networks: str
    right: str
    why: str
    operators: tuple[str, ...] = ()
    difference: int | None = None

    def fits(self, row: dict[str, Any]) -> bool:
        """Tell whether it is about this network, and about all of its difference."""
        if row["package"] != self.package or not fnmatchcase(row["name"], self.networks):
            return False
        if "ours" not in row:
            return True
        mine = sum(row["by_operator"].get(name, 0) for name in self.operators)
        theirs = sum(row["operators"].get(name, 0) for name in self.operators)
        if self.operators and mine - theirs != difference(row):
            return False
        return self.difference in {None, difference(row)}


def explanations(path: Path = EXPLANATIONS) -> list[Explanation]:
    """Read the explanations."""
    found = tomllib.loads(path.read_text())["explanation"]
    return [
        Explanation(**{**item, "operators": tuple(item.get("operators", ()))}) for item in found
    ]


def ours(row: dict[str, Any]) -> int:
    """What convbench counts of the operators that both see: no products by hand, all weights."""
    return int(row["ours"] - row["by_hand"] + row["prepared"])


def theirs(row: dict[str, Any]) -> int:
    """What the independent count says, with products of weights alone."""
    return int(row["macs"] + row["of_weights"])


def difference(row: dict[str, Any]) -> int:
    """Return convbench's count less the independent one."""
    return ours(row) - theirs(row)


def verdict(row: dict[str, Any], known: list[Explanation]) -> tuple[str, Explanation | None]:
    """Return one of the verdicts above, and the explanation where there is one."""
    why = next((item for item in known if item.fits(row)), None)
    if row.get("failed") == "counted" or (row.get("failed") and "macs" in row):
        return (EXPLAINED if why else REFUSED), why
    if row.get("failed"):
        return FAILED, None
    more = difference(row)
    if row["unsupported"] and more <= 0:
        return BOUND, None
    if more:
        return (EXPLAINED if why else DIFFERENT), why
    return (APART if row["by_hand"] or row["preparation"] else EQUAL), None


def disturbed(row: dict[str, Any]) -> list[str]:
    """Return what a second look at a network found wrong; nothing where time or memory ran out."""
    if row.get("failed") == "checked":
        return ["checked"]
    return [key for key in CHECKS if not row.get(key, True)]


CHECKS = {
    "twice": "counts another number the second time",
    "kept": "leaves the network other than it was",
    "kept_by_backward": "leaves the network other than it was, with backward=True",
    "forward": "counts another forward with backward=True",
}
