"""What a count cannot be made of, why, and what to do about it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from torch import Tensor, nn

from convbench.core.errors import ConvbenchError, first_line
from convbench.core.modules import kind_of
from convbench.counting.engine.pytree import Given, tensors_in


class ProfileError(ConvbenchError):
    """A module that cannot be run, neither by shapes nor for real."""


class UnknownOperatorError(ConvbenchError):
    """Operators without a rule, with `strict`."""


class ErrorText(NamedTuple):
    """What an error said. An error itself holds the frames it came through, and their tensors.

    short: its kind and the first line. final: it is a ProfileError, which running will not mend.
    """

    short: str
    text: str
    final: bool

    @classmethod
    def of(cls, error: BaseException) -> ErrorText:
        """Keep what was said."""
        return cls(first(error), _said(error), isinstance(error, ProfileError))


_OTHERWISE: Final = (
    "Check that module(*inputs) itself runs: inputs of the shapes it wants, or what it raises."
)
_LONGEST: Final = 240
"""Characters of an error that are shown."""
_REMEDIES: Final = (
    # what the message of the error holds -> what to do
    (("more than 1 value per channel", "more than 1 spatial element"),
     "Call .eval() on it, or give a larger batch: in training a norm takes several values."),
    (("dtype", "data type", "scalar type", "same type", "should be the same", "type Long",
      "must be long", "'Long'", "'Half'", "Byte", "not implemented for"),
     "Give inputs of the data type it wants: tensor.to(dtype); on the command line SHAPE:dtype, "
     "like 2x7:int64."),
    (("size", "shape", "channels", "dimension", "Dimension", "Expected ", "mat1 and mat2",
      "reduction dim", "elements not"),
     "Give inputs of the shape it wants."),
    (("positional argument", "unexpected keyword", "missing "),
     "Give as many inputs as its forward takes; by keyword with kwargs={'name': …}, on the command "
     "line --input NAME=SHAPE."),
    (("backward through the graph a second time",),
     "Its forward takes gradients itself: leave backward out."),
    (("does not require grad", "requires grad", "a leaf Variable"),
     "Let an input or a weight require a gradient: requires_grad_()."),
    (("GuardOnDataDependent", "data-dependent"),
     "Make the branch ordinary Python, which runs for real."),
    (("CUDA", "same device", "meta device", "meta tensor"),
     "Put the module and its inputs on one device."),
    (("out of memory", "alloc"), "Give a smaller input, or a module that runs by shapes alone."),
)  # fmt: skip


def refusal(module: nn.Module, inputs: Given, error: BaseException) -> ProfileError:
    """Return the error that says why a module cannot be run on these inputs."""
    if isinstance(error, ProfileError):
        return error
    name = kind_of(module)
    if any(tensor.is_nested for tensor in tensors_in(inputs)):
        return ProfileError(
            f"{name} cannot be counted on nested tensors: they have no one shape. Give each of "
            "them by itself, or a padded tensor."
        )
    if isinstance(error, SystemExit):
        return ProfileError(
            f"{name} calls sys.exit({error.code!r}) when it is run on inputs {shapes(inputs)}: "
            "take that out of its forward."
        )
    return ProfileError(
        f"{name} cannot be run on inputs {shapes(inputs)}: {first(error)}. {_remedy(_said(error))}"
    )


def on_meta(module: nn.Module, inputs: Given, why: str) -> ProfileError:
    """Return the error for a module on the meta device that cannot be counted by shapes.

    Where its inputs are wrong it says that; else values are wanted, which it does not have there.
    """
    if not any(sign in why for sign in _WANTS_VALUES) and (remedy := _remedy(why, otherwise="")):
        return ProfileError(
            f"{kind_of(module)} cannot be run on inputs {shapes(inputs)}: {why}. {remedy}"
        )
    remedy = "make it on the CPU"
    if why.partition(":")[0] in _ITS_OWN:
        remedy = "check that module(*inputs) itself runs, or make it on the CPU"
    return ProfileError(
        f"{kind_of(module)} cannot be counted by shapes alone ({why}), and its weights or inputs "
        f"are on the meta device, so it cannot be run: {remedy}."
    )


_ITS_OWN: Final = frozenset(
    {"AssertionError", "AttributeError", "IndexError", "KeyError", "TypeError", "ValueError"}
)
"""Kinds of errors that a model may raise wherever it is."""
_WANTS_VALUES: Final = (
    *("meta", "shapes of its own", "data-dependent", "numpy", "kept tensors", "TorchScript"),
    *("quantised", "in no module", "NotImplementedError"),
)


def _remedy(text: str, otherwise: str = _OTHERWISE) -> str:
    for signs, remedy in _REMEDIES:
        if any(sign in text for sign in signs):
            return remedy
    return otherwise


def shapes(given: Given) -> str:
    """Write the inputs as shapes, with the data types that are not float32."""
    named = (f"{name}={_shape(value)}" for name, value in given.named.items())
    return ", ".join([*map(_shape, given.inputs), *named]) or "(none)"


def _shape(value: Any) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    if value.is_nested:
        return "a nested tensor"
    kind = str(value.dtype).removeprefix("torch.")
    return str(tuple(value.shape)) + ("" if kind == "float32" else f" of {kind}")


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  its own way of telling fails
        return ""


def first(error: BaseException) -> str:
    """Return an error's kind and the first line of its message, without a full stop."""
    said = first_line(error).rstrip(". ")
    said = said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"
    return f"{type(error).__name__}: {said}"
