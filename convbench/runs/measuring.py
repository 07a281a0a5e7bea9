"""The cases of a group as a crew: what `clock.group_process` builds and times in a process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from convbench.clock.caches import evictor_for
from convbench.clock.crew import Order, Tell
from convbench.runs.cases import Case
from convbench.runs.workload import Workload


@dataclass(kw_only=True)
class CaseCrew:
    """Cases of one group, all under one condition.

    pool_bytes: memory gone through before every sample, known once they are built; 0 for warm ones.
    """

    cases: tuple[Case, ...]
    pool_bytes: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The cases' identities."""
        return tuple(case.identity for case in self.cases)

    def build(self, order: Order, tell: Tell) -> Iterator[tuple[str, Workload | BaseException]]:
        """Build each case with its weights and input on the device; as `Crew`."""
        cases = [case for case in self.cases if case.identity not in order.without]
        condition = cases[0].condition
        evictor = None if condition.cache == "warm" else evictor_for(condition.device)
        self.pool_bytes = evictor.pool_bytes if evictor else 0
        for case in cases:
            tell(("at", case.identity))
            tell(("stage", f"building {case.skeleton.label}"))
            try:
                workload = _built(case, order)
                if evictor is not None:
                    workload.chill(evictor, len(self.cases))
                yield case.identity, workload
            except (Exception, SystemExit) as error:  # noqa: BLE001  the others go on
                yield case.identity, error


def _built(case: Case, order: Order) -> Workload:
    import torch

    # Tensors made in inference mode are of another kind, and torch treats them differently.
    with torch.inference_mode(mode=False):
        workload = Workload(case, order.seed)
    workload.get_ready(anew=order.first)
    return workload
