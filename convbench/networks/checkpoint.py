"""Load published weights into a network, and say which layers they reached."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convbench.core.errors import ConvbenchError, first_line, one_line

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

PREFIX = "module."
"""What torch.nn.DataParallel puts before every name."""
SHOWN = 3
"""Names that a message shows of those in a file or a model."""


class CheckpointError(ConvbenchError):
    """A file that no weights can be loaded from."""


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """What a checkpoint filled in a module, by the names in the module's state_dict."""

    matched: tuple[str, ...]
    """Loaded, in the module's order."""
    unmatched: tuple[tuple[str, str], ...]
    """(name, reason) of what was not: left as it was in the module, or ignored in the file."""


def load_checkpoint(module: nn.Module, path: str | Path) -> LoadReport:
    """Load into `module` every tensor of a checkpoint whose name and shape it has.

    The file is what `torch.save` wrote of a state_dict, or of a dictionary that has one under
    "state_dict"; a "module." before names is dropped. Nothing in the file is executed: it is read
    with `weights_only=True`, onto the CPU. Raises CheckpointError, with the module unchanged, when
    the file cannot be read, holds no state_dict, or fits none of the module's names and shapes.
    """
    stored, unmatched = _named_tensors(_read(path), path)
    wanted = module.state_dict()
    matched = {}
    for name, value in wanted.items():
        if name not in stored:
            unmatched.append((name, "missing in the file"))
        elif stored[name].shape != value.shape:
            given, need = tuple(stored[name].shape), tuple(value.shape)
            unmatched.append((name, f"wrong shape: the file has {given}, the model needs {need}"))
        else:
            matched[name] = stored[name]
    unmatched.extend((name, "not in the model") for name in stored if name not in wanted)
    if not matched:
        raise CheckpointError(
            f"Nothing in {path} fits the model: it holds {_some(stored)}, and the model wants "
            f"{_some(wanted)}. Give the checkpoint of this network, at this width."
        )
    module.load_state_dict(matched, strict=False)
    return LoadReport(matched=tuple(matched), unmatched=tuple(unmatched))


def _read(path: str | Path) -> Any:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on odd files; the messages below say more
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {path} cannot be opened ({error.strerror or error}): "
            "give the path of a file that can be read."
        ) from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is not a checkpoint of plain tensors, and nothing else is loaded, as it could "
            f"run code ({first_line(error)}). Give a file that holds a state_dict only; if you "
            "trust this one, load it yourself and save its state_dict anew with torch.save."
        ) from error
    except Exception as error:  # a broken file can raise anything from inside the reader
        raise CheckpointError(
            f"{path} is not a checkpoint ({one_line(error)}). "
            "Give a file that torch.save wrote, whole."
        ) from error


def _named_tensors(content: Any, path: str | Path) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the tensors by their name without prefix, and what else was there, with the reason."""
    import torch

    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__} and no state_dict: give a file with a "
            "dictionary of names and tensors, or one that has it under 'state_dict'."
        )
    stored: dict[str, Any] = {}
    rest: list[tuple[str, str]] = []
    for key, value in content.items():
        name = str(key).removeprefix(PREFIX)
        if not isinstance(value, torch.Tensor):
            rest.append((name, f"not a tensor: {type(value).__name__}"))
        elif name in stored:
            rest.append((str(key), f"twice in the file, with and without {PREFIX!r}"))
        else:
            stored[name] = value
    return stored, rest


def _some(names: Mapping[str, Any]) -> str:
    """Return the first names, and how many more there are."""
    shown = ", ".join(list(names)[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{shown or 'no tensor'}{more}"
