"""How many multiplications a training step of a case has: forward and backward, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.core.errors import one_line
from convbench.core.serialization import Stored, Whole

if TYPE_CHECKING:
    from convbench.runs.cases import Case


@dataclass(frozen=True, kw_only=True)
class TrainingStep(Stored):
    """The multiplications of a training step, as `convbench.profile` counts them.

    Attributes:
        multiplications: of the forward and of the backward pass, those on padding not counted.
        reason: why they could not be counted; empty where they could.

    """

    multiplications: Whole = 0
    reason: str = ""


def counted_step(case: Case) -> TrainingStep:
    """Count a training step of a case as it is timed, on tensors that hold no numbers.

    A layer hands a gradient to what is before it, and a network does not. Imports torch.
    """
    import torch

    from convbench.counting.engine.run import profile

    try:
        module = case.build().train().to("meta")
        inputs = torch.zeros(case.skeleton.input_shape, device="meta")
        inputs.requires_grad_(case.spec is not None)
        found = profile(module, inputs, backward=True)
    except Exception as error:  # noqa: BLE001  it was timed; that it is not counted is said
        return TrainingStep(reason=one_line(error))
    if found.unsupported:
        return TrainingStep(reason=f"there is no rule for {', '.join(found.unsupported)}")
    return TrainingStep(multiplications=int(found.total.multiplications_valid))
