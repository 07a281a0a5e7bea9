"""From a model's reference to the lines that say its formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from convbench.counting.engine.by_name import arguments_of, from_onnx, input_of
from convbench.formulas.tracing.command import formula_command
from convbench.networks.base import NETWORKS
from convbench.networks.models import ModelError, load_model


def formula_reference(
    reference: str,
    shape: str,
    arguments: Sequence[str] = (),
    *,
    dynamic: str | Iterable[str] = "auto",
    trust: bool = False,
) -> list[str]:
    """Return the formula of the model that `reference` names (see `networks.models`), in lines.

    A registered network gives its plan's formula; any other is traced, on the meta device where it
    can be made there. trust: an exported program may run code as it is loaded. Raises ModelError,
    InputError, TraceError or SpecError.
    """
    wanted = input_of(shape)
    sizes, given = wanted.shape, arguments_of(arguments)
    if reference in NETWORKS and not given:
        return formula_command(NETWORKS[reference], sizes, dynamic=dynamic)
    if reference.endswith(".onnx"):
        module, kinds = from_onnx(reference, [wanted], given)
        (declared,) = kinds.values()
        kind = str(declared).removeprefix("torch.") if declared and not wanted.kind else wanted.kind
        return formula_command(module, sizes, dynamic=dynamic, kind=kind)
    try:
        module = load_model(reference, given, device="meta", trust=trust)
    except ModelError:
        module = load_model(reference, given, trust=trust)
    return formula_command(module, sizes, dynamic=dynamic, kind=wanted.kind)
