"""A plugin with standard's twin: the same convolution under another name.

What a run says of the two is known beforehand: their times are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from convbench.convs.base import register
from convbench.convs.standard import Standard


@register("standard_again")
@dataclass(frozen=True, kw_only=True)
class StandardAgain(Standard):
    """The standard convolution under a second name: a case timed against itself.

    It never pays; it is there for trials of the clock.
    """
