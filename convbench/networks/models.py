"""From a reference on a command line to a module: a factory, a registered network, or a file."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import sys
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convbench.core.errors import ConvbenchError, UnknownNameError, one_line
from convbench.core.plugins import import_file
from convbench.core.torchvision_import import importing
from convbench.networks.base import NETWORKS

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram


class ModelError(ConvbenchError):
    """A model that cannot be made from its reference."""


def load_model(
    reference: str,
    arguments: Mapping[str, str] | None = None,
    *,
    device: str = "cpu",
    trust: bool = False,
) -> nn.Module:
    """Return the module that a reference names, in evaluation mode.

    reference: `package.module:factory` or `FILE.py:factory` (called with `arguments`, values read
    as Python literals where they are some), the name of a registered network, or the path of an
    exported program (.pt2) or of an ONNX file (.onnx). device: "meta" makes a factory's weights
    without memory. trust: as `load_program` takes it.
    Raises ModelError, saying what is missing or what the factory raised.
    """
    given = {key: _literal(value) for key, value in (arguments or {}).items()}
    if reference.endswith(".pt2"):
        return load_program(reference, given, trust=trust).module()
    if reference.endswith(".onnx"):
        from convbench.networks.onnx_files import load_onnx

        return load_onnx(reference, given).module
    if ":" not in reference and reference.endswith(".py"):
        raise ModelError(
            f"{reference} does not say what makes the model: name a function or class in it, "
            f"{reference}:make."
        )
    if ":" not in reference:
        return _registered(reference, given, device)
    return _called(_factory(reference), reference, given, device)


def _literal(text: str) -> Any:
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def load_program(
    path: str, arguments: Mapping[str, Any] | None = None, *, trust: bool = False
) -> ExportedProgram:
    """Return the exported program in a file; ModelError where there is none.

    trust: the file may run code. `torch.export.load` unpickles its sample inputs and constants
    without `weights_only` where they do not load with it, and SymPy evaluates its expressions;
    neither can be switched off. Without trust nothing but the archive's signature is read.
    """
    import torch

    check_file(path, "an exported program", arguments)
    if not zipfile.is_zipfile(path):
        raise ModelError(
            f"{path} is no exported program (not an archive): save one with torch.export.save."
        )
    if not trust:
        raise ModelError(
            f"{path} was not loaded: an exported program can run any code when it is loaded, as a "
            "Python file can. If you trust where it comes from, give --trust (in Python, "
            "trust=True); if not, ask for the model as an ONNX file."
        )
    log = logging.getLogger("torch")
    before = log.level
    log.setLevel(logging.CRITICAL)  # it writes the traceback of what is said here in a line
    try:
        return torch.export.load(path)
    except Exception as error:  # an archive can be wrong in many ways
        raise ModelError(
            f"{path} is no exported program ({one_line(error)}): save one with torch.export.save."
        ) from error
    finally:
        log.setLevel(before)


def check_file(path: str, what: str, arguments: Mapping[str, Any] | None) -> None:
    """Raise ModelError where a file of a model is absent, or is given arguments."""
    if arguments:
        raise ModelError(
            f"{path} is {what} and takes no --arg ({', '.join(arguments)}): export "
            "the model that you want, or name its factory."
        )
    if not os.path.isfile(path):  # noqa: PTH113  no error for what no path can be
        raise _no_file(path)


def _no_file(path: str | Path) -> ModelError:
    if os.path.exists(path):  # noqa: PTH110  as above
        return ModelError(f"{path} is not a regular file: give a file.")
    return ModelError(f"There is no file {path}: check the path.")


def _registered(name: str, given: dict[str, Any], device: str) -> nn.Module:
    import torch

    if given:
        raise ModelError(
            f"{name} is a registered network and takes no --arg: register one with other knobs, or "
            "give package.module:factory."
        )
    try:
        network = NETWORKS[name]
    except UnknownNameError as error:
        raise ModelError(
            f"{error} A model of your own is written package.module:factory, FILE.py:factory, "
            "FILE.pt2 or FILE.onnx."
        ) from None
    with torch.device(device):
        return network.build().eval()


def _factory(reference: str) -> Callable[..., Any]:
    module_name, _, attribute = reference.rpartition(":")
    file = Path(module_name) if module_name.endswith(".py") else None
    if file is not None and not os.path.isfile(file):  # noqa: PTH113  as above
        raise _no_file(file)
    here = str(Path.cwd() if file is None else file.resolve().parent)
    if here not in sys.path:  # last: a file there must not stand in for an installed package
        sys.path.append(here)
    try:
        found: Any = (
            importing(partial(importlib.import_module, module_name))
            if file is None
            else import_file(file)
        )
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"{module_name} cannot be imported: {one_line(error)}. "
            + ("Mend it." if file else "Check the name, and that the package is installed here.")
        ) from error
    for name in attribute.split("."):
        if not hasattr(found, name):
            import difflib

            near = difflib.get_close_matches(name, dir(found), n=3)
            if hasattr(getattr(found, "models", None), name):  # as in torchvision and timm
                near = [f"{module_name}.models:{name}"]
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise ModelError(f"{module_name} has no attribute {name!r}.{hint}")
        found = getattr(found, name)
    return found  # type: ignore[no-any-return]


def _called(
    factory: Callable[..., Any], reference: str, given: dict[str, Any], device: str
) -> nn.Module:
    import torch
    from torch import nn

    if isinstance(factory, nn.Module):
        if given:
            raise ModelError(f"{reference} is a module already and takes no --arg: leave them out.")
        return factory.eval()
    if not callable(factory):
        raise ModelError(
            f"{reference} is a {type(factory).__name__}: give a function or a class that makes a "
            "torch.nn.Module."
        )
    try:
        with torch.device(device):
            module = factory(**given)
    except SystemExit as error:
        raise ModelError(
            f"{reference} calls sys.exit({error.code!r}) instead of making a module: take that out."
        ) from error
    except Exception as error:
        try:
            signature = str(inspect.signature(factory))
        except (TypeError, ValueError):
            signature = "(…)"
        raise ModelError(
            f"{reference}{signature} raised {one_line(error)}. Give what it "
            "needs with --arg key=value."
        ) from error
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"{reference} returned a {type(module).__name__}, not a torch.nn.Module: name a "
            "function or class that makes one."
        )
    return module.eval()
