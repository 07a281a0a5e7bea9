"""What a case runs: its module and input on the device, and whether what comes out is right."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.caches import ColdWork, Evictor, copies_for
from convbench.clock.checking import (
    MANY_DENORMALS,
    Digest,
    Reference,
    WrongResultError,
    change,
    check_digest,
    denormal_share,
    digest,
)
from convbench.clock.crew import Contestant
from convbench.clock.execution import Execution
from convbench.clock.observing import PASSES, observed
from convbench.core.random_state import seeded
from convbench.runs.compiling import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn

    from convbench.runs.cases import Case

_AFTER: Final = 1_000_003
"""Added to the seed for the values that the input gets after the timing."""


class Workload(Contestant):
    """A case's module and its input, on the device, as the case's condition says.

    Nothing runs before `call` is called: so the first call that is timed is the first there is.
    Only modes "compile" and "cuda_graph" run something before, in `get_ready`; the time to compile
    is kept apart.
    """

    def __init__(self, case: Case, seed: int) -> None:
        """Build the module with weights and normal input drawn from `seed`.

        Raises whatever torch raises: no memory, no such layout for the data type.
        """
        import torch

        at = case.skeleton
        self.case = case
        self.training = at.direction == "training"
        self._seed = seed
        dtype: torch.dtype = getattr(torch, "float32" if at.dtype == "tf32" else at.dtype)
        with seeded(seed):
            module = case.build().train(self.training)
            inputs = torch.randn(at.input_shape)
        self.module: nn.Module = module.to(at.device, dtype)
        self.inputs = inputs.to(at.device, dtype)
        if at.layout == "channels_last":
            spatial = torch.channels_last if inputs.ndim == 4 else torch.channels_last_3d  # noqa: PLR2004
            self.inputs = self.inputs.to(memory_format=spatial)
            for parameter in self.module.parameters():
                if parameter.ndim == inputs.ndim:  # weights of several kernels have another axis
                    parameter.data = parameter.data.contiguous(memory_format=spatial)
        self._forward: Callable[..., Any] = self.module
        self._graph: Callable[[], Any] | None = None
        self._gradient: torch.Tensor | None = None
        self._reference: Reference | None = None
        self._digests: list[Digest] = []
        self.label = at.label
        self.work: Callable[[], Any] = self.call
        self.compile_seconds: float | None = None
        # A layer in a network hands a gradient back to the layer before it; a network does not.
        self.inputs.requires_grad_(self.training and case.spec is not None)

    def get_ready(self, *, anew: bool = True) -> None:
        """Do what the case's mode needs before its first call: compile, or record a graph.

        anew: compile without what earlier processes left on disk, so that the time to compile is
        that and not the time to load.
        """
        mode = self.case.skeleton.mode
        if mode == "compile":
            self._forward, self.compile_seconds = compiled(
                self.module, self.call_with, anew=anew, device=self.case.skeleton.device
            )
        elif mode == "cuda_graph":
            from convbench.clock.cuda_graphs import graphed

            self._graph = graphed(self._once, self.case.skeleton.device)

    def call_with(self, forward: Callable[..., Any]) -> Any:
        """Run once with another forward than the module's own."""
        self._forward = forward
        return self.call()

    def call(self) -> Any:
        """Run the module once: forward, and backward too where the case is a training step.

        In mode "cuda_graph" replay what was captured of that.
        """
        return self._graph() if self._graph else self._once()

    def _once(self) -> Any:
        if not self.training:
            return self._forward(self.inputs)
        self.inputs.grad = None
        for parameter in self.module.parameters():
            parameter.grad = None
        output = self._forward(self.inputs)
        if self._gradient is None:
            self._gradient = _seeded_like(output, self._seed)
        output.backward(self._gradient)
        return output

    @property
    def captured(self) -> Callable[[], Any]:
        """The work itself: compiled, a training step, on cold copies; no graph of it but its call.

        In mode "cuda_graph" the work is a replay, which no other graph can hold; what was captured
        in it is captured anew.
        """
        return self._once if self._graph else self.work

    def chill(self, evictor: Evictor, competitors: int = 1) -> None:
        """Let `work` run on copies that no cache holds.

        competitors: how many share the memory for copies.
        """
        import torch

        cold = self.case.skeleton.cache == "cold"
        moved = _nbytes(self.inputs) if cold else 0
        moved += sum(_nbytes(parameter) for parameter in self.module.parameters())
        copies = [self.call]
        for _ in range(copies_for(moved, competitors) - 1):
            with torch.inference_mode(mode=False):  # of the same kind as the first
                module = copy.deepcopy(self.module)
                inputs = self.inputs.clone() if cold else self.inputs
            copies.append(_bound(self._compiled(module), inputs))
        self.work = ColdWork(copies, evictor, touch=None if cold else self.inputs.sum)

    def check_first(self, output: Any, known: tuple[Digest, ...] = ()) -> None:
        """Check the output of the first call; WrongResultError, or RuntimeError for its plan.

        known: digests of outputs that another process found right, for the same seed.
        """
        if known:
            self._digests = [check_digest(output, known[0], self._dtype, "before the timing")]
            return
        self._reference = Reference(self.module, self._dtype, whole=self.training)
        spec = self.case.spec
        if spec is not None and tuple(output.shape) != spec.output_shape:
            raise WrongResultError(
                f"the output has shape {tuple(output.shape)} and the slot wants {spec.output_shape}"
            )
        self._compare(output, "before the timing")
        held = sum(parameter.numel() for parameter in self.module.parameters())
        planned = self.case.cost().parameters
        if held != planned:
            raise RuntimeError(f"the module has {held:,} parameters and its plan has {planned:,}")
        self._digests = [digest(output)]

    def check_captured(self, output: Any) -> None:
        """Compare what a graph of `captured` gave with what a call gives; as `Contestant`.

        Of a training step in the first process the gradients too; of cold copies that of the last
        call is called again.
        """
        when = "replayed from a CUDA graph"
        self._compare_gradients(when)
        called = getattr(self.work, "again", self.call)()
        check_digest(output, digest(called), self._dtype, when)

    def check_last(self, known: tuple[Digest, ...] = ()) -> tuple[str, ...]:
        """Change the input in place, run once more, check again; return flags for the row."""
        import torch

        with torch.no_grad():
            change(self.inputs, self._seed + _AFTER)
        output = self.call()
        if known:
            check_digest(output, known[-1], self._dtype, "after the timing")
            return ()
        self._compare(output, "after the timing")
        self._digests.append(digest(output))
        shares = {"input": denormal_share(self.inputs), "output": denormal_share(output)}
        return tuple(
            f"denormals: {share:.1%} of the {which}'s values" for which, share in shares.items()
            if share > MANY_DENORMALS
        )  # fmt: skip

    def digests(self) -> tuple[Digest, ...]:
        """Return the digests of the two outputs that were checked."""
        return tuple(self._digests)

    @property
    def _dtype(self) -> str:
        """Key of `checking.TOLERANCES`; gradients cancel, and have the wider one of float32."""
        at = self.case.skeleton
        ieee = at.dtype == "float32" and at.device != "cpu" and not self.training
        return "ieee float32" if ieee else at.dtype

    def _compare(self, output: Any, when: str) -> None:
        if self._reference is None:
            return
        self._reference.compare(self.inputs.detach(), output, when)
        self._compare_gradients(when)

    def _compare_gradients(self, when: str) -> None:
        """Compare the gradients that the last training step left, if the reference is at hand."""
        if self._reference is None or self._gradient is None:
            return
        found = {name: p.grad for name, p in self.module.named_parameters()}
        found["input"] = self.inputs.grad
        self._reference.compare_gradients(self.inputs, self._gradient, found, when)

    def identity(self) -> dict[str, str]:
        """Return what ran: the backend of its convolutions, its output's type, its compile time."""
        import torch

        with torch.no_grad():
            output = self.module(self.inputs)
        found = {
            "convolution_backend": chosen_backends(self.module, self.inputs),
            "output_dtype": str(output.dtype).removeprefix("torch."),
        }
        if self.compile_seconds is not None:
            found["compile_seconds"] = f"{self.compile_seconds:.3f}"
        return found

    def execution(self, most: int = PASSES) -> Execution:
        """Return the library calls of one pass, or why they are not known of this condition."""
        at = self.case.skeleton
        if at.mode != "eager":
            return Execution(reason=f"mode {at.mode}: only passes in eager mode are observed")
        if self.training:
            return Execution(reason="a training step: only forward passes are observed")
        return observed(self.work, at.device, getattr(self.work, "prepare", None), most)

    def _compiled(self, module: nn.Module) -> Callable[..., Any]:
        if self.case.skeleton.mode != "compile":
            return module
        device = self.case.skeleton.device
        return compiled(module, lambda forward: forward(self.inputs), anew=False, device=device)[0]


def _bound(forward: Callable[..., Any], inputs: torch.Tensor) -> Callable[[], Any]:
    return lambda: forward(inputs)


def _nbytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _seeded_like(output: torch.Tensor, seed: int) -> torch.Tensor:
    import torch

    draw = torch.Generator().manual_seed(seed)
    values = torch.randn(output.shape, generator=draw)
    gradient = torch.empty_like(output)  # with the output's strides
    gradient.copy_(values.to(output.device, output.dtype))
    return gradient.detach()


def chosen_backends(module: nn.Module, inputs: torch.Tensor) -> str:
    """Return which of torch's backends the module's convolutions choose; "unknown" if untold."""
    import torch

    from convbench.core.torch_internals import DispatchMode, convolution_backend

    found: dict[str, None] = {}

    class Watch(DispatchMode):
        """Ask, at every convolution, what torch would choose for it."""

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if func is torch.ops.aten.convolution.default:
                backend = convolution_backend(args)
                name = "unknown" if backend is None else str(backend).split(".")[-1]
                found[f"unnamed ({int(backend)})" if "?" in name else name] = None
            return func(*args, **(kwargs or {}))

    # inside inference mode torch hands out conv2d whole, and its choice of backend is not seen
    with torch.inference_mode(mode=False), torch.no_grad(), Watch():
        module(inputs)
    return ", ".join(found) or "none"
