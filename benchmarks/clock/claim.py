"""A claim, what came out, and whether it held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Claim:
    """A claim put to the test.

    Attributes:
        claimed: what should be, with its limit.
        found: what came out.
        holds: whether that is within the limit.
        misses: what it was missed by, case by case; a few are enough.

    """

    claimed: str
    found: str
    holds: bool
    misses: Sequence[str] = ()

    @property
    def text(self) -> str:
        """Claim and figure in a line."""
        return f"{self.claimed}: {self.found}"

    def with_more(self, said: str) -> Claim:
        """Return the claim with more said of what came out."""
        return replace(self, found=f"{self.found}; {said}") if said else self


def at_least(claimed: str, some: int, of: int, share: float, misses: Sequence[str] = ()) -> Claim:
    """Return the claim that a share of them is so; with none to ask nothing is shown to hold."""
    found = f"{some} of {of} ({some / of:.1%})" if of else "none to ask"
    return Claim(claimed, found, of > 0 and some >= share * of, misses)


def at_most(claimed: str, some: int, of: int, share: float, misses: Sequence[str] = ()) -> Claim:
    """Return the claim that no more than a share of them is so; see `at_least`."""
    found = f"{some} of {of} ({some / of:.1%})" if of else "none to ask"
    return Claim(claimed, found, of > 0 and some <= share * of, misses)


@dataclass(frozen=True)
class Note:
    """What a trial shows beside its claims, as Markdown: a table with its caption."""

    text: str
