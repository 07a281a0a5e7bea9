"""TF32 of a CUDA device: set so that every reader finds the same, and put back as it was.

Since torch 2.9 there are two sets of flags, and they can disagree:

    new     `fp32_precision` of cuDNN, its `conv` and `rnn`, of CUDA's and oneDNN's `matmul`
    old     `cudnn.allow_tf32`, and `torch.get_float32_matmul_precision()` with
            `cuda.matmul.allow_tf32`

Setting a new one leaves the old one behind, and reading an old one then raises "mix of the legacy
and new APIs". Somebody always reads the old ones: `torch.backends.cudnn.flags()`, and inside
`torch.compile` the templates of a convolution's backward pass and the keys of the autotuning cache,
in earlier releases those of a matrix product too. So both are set here, through the old setters,
which write the new flags as well.
"""

from __future__ import annotations

import os
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Tf32:
    """Where float32 work on a CUDA device may use TF32; torch's default is convolutions alone.

    Attributes:
        convolutions: in those of cuDNN, and its recurrent layers.
        products: in matrix products.

    """

    convolutions: bool = False
    products: bool = False

    @property
    def told(self) -> bool | str:
        """Whether it may: True, False, or the only kind of work in which it may."""
        if self.convolutions == self.products:
            return self.products
        return "in convolutions" if self.convolutions else "in matrix products"

    @property
    def float32(self) -> str:
        """What float32 is then called: "float32" without TF32, "tf32", or float32 with some."""
        if self.told is False:
            return "float32"
        return "tf32" if self.told is True else f"float32 with TF32 {self.told}"


NOWHERE: Final = Tf32()
EVERYWHERE: Final = Tf32(convolutions=True, products=True)


def set_tf32(undo: ExitStack, allowed: Tf32) -> None:
    """Allow or forbid TF32 in convolutions and in matrix products; `undo` puts back what was.

    Afterwards every flag reads as it was found, also where old and new disagreed. One thing
    cannot be put back: torch's mark that nobody ever set a convolution's precision, which differs
    from having set "tf32" only for who later sets the precision of the whole of cuDNN.
    """
    import torch

    cudnn: Any = torch.backends.cudnn
    # Newer torch warns once when the old flags are used, which here is on purpose.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if hasattr(cudnn, "conv"):
            state = _Flags()
            undo.callback(state.restore)
            state.set(allowed)
        else:
            undo.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
            torch.set_float32_matmul_precision("high" if allowed.products else "highest")
            undo.callback(setattr, cudnn, "allow_tf32", cudnn.allow_tf32)
            cudnn.allow_tf32 = allowed.convolutions


TF32_OVERRIDE: Final = "NVIDIA_TF32_OVERRIDE"
"""Of the environment: 0 turns TF32 off in NVIDIA's libraries, whatever a program asks of them
(NVIDIA, "Accelerating AI Training with NVIDIA TF32 Tensor Cores")."""


def tf32_in_force() -> Tf32:
    """Return where float32 work may use TF32, as torch and the environment of this process are."""
    import torch

    if os.environ.get(TF32_OVERRIDE) == "0":
        return NOWHERE

    cudnn: Any = torch.backends.cudnn
    matmul: Any = torch.backends.cuda.matmul
    if hasattr(cudnn, "conv"):
        return Tf32(cudnn.conv.fp32_precision == "tf32", matmul.fp32_precision == "tf32")
    return Tf32(cudnn.allow_tf32, torch.get_float32_matmul_precision() != "highest")


def matmul_precision() -> str:
    """Return torch's float32 matrix product precision, or "mixed" where old and new disagree."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.get_float32_matmul_precision()
        except RuntimeError:
            return "mixed"


class _Flags:
    """What the flags said before, and what each of them had itself been set to."""

    def __init__(self) -> None:
        """Find both out, leaving all as it is."""
        import torch

        backends: Any = torch.backends  # Any, since its flags have no types
        cudnn, mkldnn = backends.cudnn, backends.mkldnn
        everything = (backends, backends.fp32_precision)
        whole_cudnn = (cudnn, _own_value(cudnn, everything))
        whole_mkldnn = (mkldnn, _own_value(mkldnn, everything))
        self._cudnn = cudnn
        self._operators = (cudnn.conv, cudnn.rnn)
        self._products = (backends.cuda.matmul, mkldnn.matmul)
        # The parent first, since what the others show may be the parent's.
        self._found = [(*whole_cudnn, cudnn.fp32_precision)]
        for flag, parent in (
            (cudnn.conv, whole_cudnn),
            (cudnn.rnn, whole_cudnn),
            (backends.cuda.matmul, whole_cudnn),
            (mkldnn.matmul, whole_mkldnn),
        ):
            self._found.append((flag, _own_value(flag, parent, everything), flag.fp32_precision))
        self._old_matmul: str | None = None
        self._old_cudnn: bool | None = None

    def set(self, allowed: Tf32) -> None:
        """Set old and new flags alike."""
        import torch

        word = "tf32" if allowed.convolutions else "ieee"
        for product in self._products:
            product.fp32_precision = "ieee"  # no old value contradicts it, so any can be read
        self._old_matmul = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high" if allowed.products else "highest")
        self._cudnn.fp32_precision = word  # what torch.compile reads to choose its convolutions
        for operator in self._operators:
            if operator.fp32_precision != word:  # else it may stay unset, which can be put back
                operator.fp32_precision = word
        if not self._old_cudnn_is(allowed.convolutions):
            self._old_cudnn = not allowed.convolutions
            self._cudnn.allow_tf32 = allowed.convolutions

    def restore(self) -> None:
        """Put back the old flags, then the new ones, which the old setters have overwritten."""
        import torch

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self._old_matmul is not None:
                torch.set_float32_matmul_precision(self._old_matmul)
            if self._old_cudnn is not None:
                self._cudnn.allow_tf32 = self._old_cudnn
        for flag, own, shown in self._found:
            if own is not None:
                flag.fp32_precision = own
            elif flag.fp32_precision != shown:
                flag.fp32_precision = shown

    def _old_cudnn_is(self, value: bool) -> bool:  # noqa: FBT001  (a comparison, not a switch)
        """Return whether `cudnn.allow_tf32` is `value`, where `conv` and `rnn` say `value` too."""
        try:
            return bool(self._cudnn.allow_tf32 == value)
        except RuntimeError:  # it disagrees with them, so it is the other one
            return False


def _own_value(flag: Any, *parents: tuple[Any, str | None]) -> str | None:
    """Return what `flag` itself was set to, "none" if to follow its parents, None if never.

    Torch tells only what results of a flag and its parents. So the parents, nearest first and each
    with its own value, are changed for a moment and put back.
    """
    nearest = parents[0][0]
    told = []
    try:
        for word in ("ieee", "tf32"):
            nearest.fp32_precision = word
            told.append(flag.fp32_precision)
        if told[0] == told[1]:
            return str(told[0])
        for parent, _ in parents:
            parent.fp32_precision = "none"
        return None if flag.fp32_precision != "none" else "none"
    finally:
        for parent, own in parents:
            parent.fp32_precision = own
