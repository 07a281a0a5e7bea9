"""A plugin that makes the type `ghost` a tenth slower, and nothing else: what `compare` must find.

After the call it waits, busy, for a tenth of what the call took.
"""

from __future__ import annotations

import time

from convbench.convs.base import TYPES

SHARE = 0.1


def _delayed(build):
    def built(self, spec):
        module = build(self, spec)
        forward = module.forward

        def slow(*inputs):
            began = time.perf_counter()
            found = forward(*inputs)
            now = time.perf_counter()
            end = now + SHARE * (now - began)
            while time.perf_counter() < end:
                pass
            return found

        module.forward = slow
        return module

    return built


TYPES["ghost"].build = _delayed(TYPES["ghost"].build)
