"""From a model's reference to the lines that say its formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convbench.models import ModelError, load_model
from convbench.networks.base import NETWORKS
from convbench.profiling.reference import arguments_of, input_of
from convbench.tracing.command import formula_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def formula_reference(
    reference: str,
    shape: str,
    arguments: Sequence[str] = (),
    *,
    dynamic: str | Iterable[str] = "auto",
) -> list[str]:
    """Return the formula of the model that `reference` names (see `models.load_model`), in lines.

    A registered network gives its plan's formula; any other is traced, on the meta device where it
    can be made there. Raises ModelError, InputError, TraceError or SpecError.
    """
    wanted = input_of(shape)
    sizes, given = wanted.shape, arguments_of(arguments)
    if reference in NETWORKS and not given:
        return formula_command(NETWORKS[reference], sizes, dynamic=dynamic)
    try:
        module = load_model(reference, given, device="meta")
    except ModelError:
        module = load_model(reference, given)
    return formula_command(module, sizes, dynamic=dynamic, kind=wanted.kind)
