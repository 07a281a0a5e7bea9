"""ONNX files as torch modules: onnx2torch converts them, node by node."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from convbench.core.errors import one_line
from convbench.core.extras import needed
from convbench.core.torchvision_import import declare_operators
from convbench.networks.models import ModelError, check_file

if TYPE_CHECKING:
    import torch
    from torch import nn

_OPSET = 17
"""Of the newest operators that onnx2torch converts throughout; a newer file is converted to it."""


@dataclass(frozen=True)
class OnnxInput:
    """An input that a graph declares. shape: None where it has none; a dynamic size is a name."""

    shape: tuple[int | str, ...] | None
    dtype: torch.dtype | None

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Return whether an input of this shape is within the declared one."""
        return self.shape is None or (
            len(self.shape) == len(shape)
            and all(
                isinstance(own, str) or own == size
                for own, size in zip(self.shape, shape, strict=True)
            )
        )

    def __str__(self) -> str:
        """Return the shape, for a message."""
        return "of any shape" if self.shape is None else "×".join(map(str, self.shape)) or "scalar"


@dataclass(frozen=True)
class OnnxModel:
    """A converted file: its module, its inputs by name and in order, operator types by part."""

    module: nn.Module
    inputs: dict[str, OnnxInput]
    kinds: dict[str, str]


def load_onnx(path: str, arguments: Mapping[str, Any] | None = None) -> OnnxModel:
    """Return the model in an ONNX file, in evaluation mode.

    The parts of the module have the names of the nodes. A part holds the weights that its node
    reads: a floating-point initializer with at least one axis is a parameter, except running means
    and variances and the scales of a Resize; one that two nodes read counts for both, because
    exporters write equal weights once.
    Nothing in the file is executed. Raises ModelError, and MissingExtraError without the extra
    `onnx`.
    """
    check_file(path, "an ONNX file", arguments)
    declare_operators()  # onnx2torch imports torchvision
    needed("onnx", extra="onnx", what=f"Reading {path}")
    onnx2torch = needed("onnx2torch", extra="onnx", what=f"Reading {path}")
    model = _read(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converters' own
        try:
            model = _convertible(path, model, onnx2torch.node_converters.get_converter)
            kinds = _named(model)
            inputs = _inputs(model)
            module = onnx2torch.convert(model, save_input_names=all(map(_is_argument, inputs)))
        except ModelError:
            raise
        except Exception as error:  # a graph can be wrong in many ways
            raise ModelError(
                f"{path} cannot be converted by onnx2torch ({one_line(error)}): export the model "
                "in another way, or name the function that makes it."
            ) from error
    called = [node.target for node in module.graph.nodes if node.op == "call_module"]
    if sorted(called) != sorted(kinds):
        lost = ", ".join(sorted({*kinds}.symmetric_difference(called)))
        raise ModelError(f"onnx2torch left out nodes of {path} ({lost}): export it in another way.")
    _weights_to_their_nodes(module, kinds)
    return OnnxModel(
        _nested(module), inputs, {name.replace("/", "."): kinds[name] for name in kinds}
    )


def _read(path: str) -> Any:
    """Return the protocol buffer in a file, with its external data."""
    import onnx

    try:
        model = onnx.load(path)  # refuses external data that is not below the folder of the file
    except Exception as error:  # a file can be wrong in many ways
        raise ModelError(
            f"{path} cannot be read as an ONNX file ({one_line(error)}): save one with "
            "torch.onnx.export or onnx.save, together with its external data."
        ) from error
    if not model.graph.node:
        raise ModelError(f"{path} is no ONNX file, or has no nodes: save one with onnx.save.")
    return model


def _convertible(path: str, model: Any, converter_of: Callable[..., Any]) -> Any:
    """Return the model in operators that onnx2torch converts; ModelError names those it lacks."""
    from onnx import inliner, version_converter

    if model.functions:
        model = inliner.inline_local_functions(model)
    for item in (*model.graph.node, *model.opset_import):
        if item.domain == "ai.onnx":  # the long form of the default
            item.domain = ""
    _without_aliases(model)
    unknown = _unknown(model, converter_of)
    if unknown and any(not has.domain and has.version > _OPSET for has in model.opset_import):
        with suppress(Exception):  # what it cannot convert either is named below
            model = version_converter.convert_version(model, _OPSET)
            unknown = _unknown(model, converter_of)
    if unknown:
        said = ", ".join(name + (f" (×{n})" if n > 1 else "") for name, n in unknown.items())
        raise ModelError(
            f"{path} has operators that onnx2torch cannot convert: {said}. Export the model "
            f"without them, with opset {_OPSET} or older, or name the function that makes it."
        )
    return model


def _without_aliases(model: Any) -> None:
    """Make initializers of what an Identity returns of one: an exporter writes equal ones so."""
    graph = model.graph
    held = {tensor.name: tensor for tensor in graph.initializer}
    outputs = {value.name for value in graph.output}
    for node in list(graph.node):
        if node.op_type == "Identity" and node.input[0] in held and node.output[0] not in outputs:
            alias = graph.initializer.add()
            alias.CopyFrom(held[node.input[0]])
            alias.name = node.output[0]
            held[alias.name] = alias
            graph.node.remove(node)


def _unknown(model: Any, converter_of: Callable[..., Any]) -> Counter[str]:
    """Return the operators that onnx2torch does not convert, and how often each is there."""
    versions = {has.domain: has.version for has in model.opset_import}
    found: Counter[str] = Counter()
    for node in model.graph.node:
        try:
            converter_of(node.op_type, versions.get(node.domain, 1), node.domain)
        except NotImplementedError:
            found[f"{node.domain}.{node.op_type}".lstrip(".")] += 1
        read = {attribute.name for attribute in node.attribute}
        if node.op_type == "ConvTranspose" and "output_shape" in read:
            found["ConvTranspose with output_shape"] += 1  # which onnx2torch leaves unread
    return found


def _named(model: Any) -> dict[str, str]:
    """Give every node a name of its own, a path of parts, and return the operator types by name.

    torch writes these names into the source code that it makes of a graph, unescaped: a name that
    ends the string would be run. So only letters, digits and :-_ stay in the parts.
    """
    from torch import fx, nn

    attributes = {"initializers", *dir(fx.GraphModule(nn.Module(), fx.Graph()))}
    paths = [_path(node.name or node.op_type, attributes) for node in model.graph.node]
    taken = {path[:end] for path in paths for end in range(len(path))}
    kinds = {}
    for node, path in zip(model.graph.node, paths, strict=True):
        own, number = path, 0
        while own in taken:
            number += 1
            own = (*path[:-1], f"{path[-1]}_{number}")
        taken.add(own)
        node.name = "/".join(own)
        kinds[node.name] = node.op_type
    return kinds


def _path(name: str, attributes: set[str]) -> tuple[str, ...]:
    """Return the parts of a name: of "/layer1/layer1.0/conv1/Conv", layer1, 0, conv1 and Conv.

    attributes: names that modules have already, and that no part can have.
    """
    path, outer = [], ""
    for element in name.strip("/").split("/"):
        for part in element.removeprefix(f"{outer}.").split("."):
            safe = re.sub(r"[^\w:-]+", "_", part) or "_"
            path.append(f"{safe}_" if safe in attributes else safe)
        outer = element
    return tuple(path)


def _is_argument(name: str) -> bool:
    return name.isidentifier() and not iskeyword(name) and name not in {"self", "getattr"}


def _inputs(model: Any) -> dict[str, OnnxInput]:
    import torch
    from onnx import helper

    held = {tensor.name for tensor in model.graph.initializer}
    found = {}
    for value in model.graph.input:
        if value.name in held:
            continue
        kind = value.type.tensor_type
        sizes = None
        if kind.HasField("shape"):
            sizes = tuple(
                size.dim_value if size.dim_value > 0 else size.dim_param or "?"
                for size in kind.shape.dim
            )
        name = helper.tensor_dtype_to_np_dtype(kind.elem_type).name if kind.elem_type else ""
        found[value.name] = OnnxInput(sizes, getattr(torch, name, None))
    return found


def _weights_to_their_nodes(module: Any, kinds: Mapping[str, str]) -> None:
    """Move initializers from one container to the parts that read them, as parameters."""
    from torch import nn

    for part in module.modules():
        if isinstance(part, nn.LayerNorm):  # onnx2torch gives it size 0 where the graph has none
            part.normalized_shape = tuple(part.weight.shape)
    for node in module.graph.nodes:
        if node.op != "get_attr":
            continue
        (reader,) = node.users
        kind, name = kinds[reader.target], node.target.rpartition(".")[2]
        value = module.initializers.get_buffer(name)
        part = module.get_submodule(reader.target)
        fixed = kind == "Resize" or (kind == "BatchNormalization" and node in reader.args[3:])
        if value.is_floating_point() and value.dim() and not fixed:
            part.register_parameter(name, nn.Parameter(value))
        else:
            part.register_buffer(name, value)
        node.target = f"{reader.target}.{name}"


def _nested(module: Any) -> nn.Module:
    """Return the module with parts in parts, as the names of its nodes say, in their order."""
    parts = dict(module.named_children())
    for name in parts:
        delattr(module, name)
    for node in module.graph.nodes:
        if node.op in {"call_module", "get_attr"}:
            outer, dot, name = node.target.partition(".")
            path = outer.replace("/", ".")
            module.add_submodule(path, parts[outer])
            node.target = path + dot + name
    module.recompile()
    return module.eval()  # type: ignore[no-any-return]
