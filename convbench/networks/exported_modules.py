"""Exported programs as modules: with the layers that they were exported from, by name."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from convbench.core.modules import KIND
from convbench.core.torch_internals import unflattened_as_code


def layered(program: ExportedProgram) -> nn.Module:
    """Return the program as a module of modules, so that costs are those of its layers.

    One that torch cannot take apart again is returned whole.
    """
    with warnings.catch_warnings(), unflattened_as_code():
        warnings.simplefilter("ignore")  # torch's own, about its own
        try:
            module: nn.Module = torch.export.unflatten(program)
        except Exception:  # noqa: BLE001  it may have been edited in any way
            return program.module()
    kinds = _kinds(program)
    for name, part in module.named_modules():
        vars(part)[KIND] = kinds.get(name, type(part).__name__)
    return module


def _kinds(program: ExportedProgram) -> dict[str, str]:
    """Return the types of the layers that the program was exported from, by name."""
    found: dict[str, str] = {}
    for node in program.graph.nodes:
        for name, kind in (node.meta.get("nn_module_stack") or {}).values():
            label = kind if isinstance(kind, str) else kind.__qualname__
            found[name] = label.rpartition(".")[2]
    return found


def input_types(program: ExportedProgram) -> dict[str, torch.dtype | None]:
    """Return the data type of each input that the program was exported with, by name, in order.

    It is None for what is no tensor.
    """
    values: dict[str, Any] = {node.name: node.meta.get("val") for node in program.graph.nodes}
    return {
        str(name): getattr(values.get(name), "dtype", None) if isinstance(name, str) else None
        for name in program.graph_signature.user_inputs
    }
