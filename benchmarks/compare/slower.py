"""A plugin that makes the type `ghost` a tenth slower, and nothing else: what `compare` must find.

After the call it waits, busy, for a tenth of what the call took.
"""

from __future__ import annotations

import time

from torch import nn

from convbench.convs.base import TYPES

SHARE = 0.1
_build = TYPES["ghost"].build


class Delayed(nn.Module):
    """A module that takes a tenth longer than the one it holds."""

    def __init__(self, inner):
        """Hold the module."""
        super().__init__()
        self.inner = inner

    def forward(self, inputs):
        """Call it, and wait."""
        began = time.perf_counter()
        found = self.inner(inputs)
        now = time.perf_counter()
        end = now + SHARE * (now - began)
        while time.perf_counter() < end:
            pass
        return found


def _delayed(self, spec):
    return Delayed(_build(self, spec))


TYPES["ghost"].build = _delayed
