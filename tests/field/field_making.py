"""How a case of the field is written: as in the audit, in a list of its own."""

from dataclasses import dataclass

from convbench.audit.case import Case, evaluate
from convbench.audit.cases.parts import Forward, image

__all__ = ["CASES", "Field", "Forward", "case", "image"]

CASES = {}


@dataclass(frozen=True, kw_only=True)
class Field(Case):
    """by_hand: of the multiplications, those in products by hand."""

    by_hand: str = "0"
    forward: str = ""

    @property
    def known_by_hand(self):
        return evaluate(self.by_hand)


def case(what, count, **more):
    """Keep the decorated builder under its name."""

    def keep(builder):
        assert what not in CASES
        CASES[what] = Field(id=f"field/{what}", count=count, builder=builder, **more)
        return builder

    return keep
