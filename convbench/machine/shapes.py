"""Work by which the peak rate of multiplications is found: matrix products and convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import torch

    from convbench.clock.stopwatch import Work


class Shape(NamedTuple):
    """A matrix product, where `kernel` is 0, or a convolution, by its sizes."""

    batch: int
    channels: int
    size: int
    kernel: int = 0
    stride: int = 1
    channels_last: bool = False

    @property
    def text(self) -> str:
        """What it is, for readers."""
        if not self.kernel:
            return f"product of two {self.size}×{self.size} matrices"
        stride = f", stride {self.stride}" if self.stride > 1 else ""
        layout = "channels last" if self.channels_last else "channels first"
        return (
            f"convolution {self.channels}→{self.channels}, {self.kernel}×{self.kernel}, "
            f"{self.size}×{self.size}{stride}, batch {self.batch}, {layout}"
        )

    @property
    def multiplications(self) -> int:
        """How many a call makes."""
        if not self.kernel:
            return self.size**3
        outputs = (self.size - self.kernel) // self.stride + 1
        return self.batch * (self.channels * self.kernel * outputs) ** 2

    @property
    def elements(self) -> int:
        """How many its operands and its result have together."""
        if not self.kernel:
            return 3 * self.size**2
        outputs = (self.size - self.kernel) // self.stride + 1
        images = self.batch * self.channels * (self.size**2 + outputs**2)
        return images + (self.channels * self.kernel) ** 2

    def work(self, device: str, kind: torch.dtype) -> Work:
        """Return the call; its operands are drawn here."""
        import torch

        def drawn(*sizes: int) -> torch.Tensor:
            found = torch.randn(*sizes, device=device).to(kind)
            last = torch.channels_last
            return found.contiguous(memory_format=last) if self.channels_last else found

        if not self.kernel:
            left, right = drawn(self.size, self.size), drawn(self.size, self.size)
            return lambda: left @ right
        image = drawn(self.batch, self.channels, self.size, self.size)
        weight = drawn(self.channels, self.channels, self.kernel, self.kernel)
        return lambda: torch.nn.functional.conv2d(image, weight, stride=self.stride)


def _convolutions(
    channels: int, size: int, kernel: int, stride: int
) -> tuple[tuple[Shape, ...], ...]:
    """Return one convolution in both layouts, each with batches that grow."""
    return tuple(
        tuple(Shape(n, channels, size, kernel, stride, channels_last=last) for n in (64, 128, 256))
        for last in (True, False)
    )


# PyTorch asks oneDNN for direct convolutions only. On a GPU cuDNN may take Winograd's algorithm for
# 3×3 kernels of stride 1, which multiplies less: with a stride of 2 there is none.
FAMILIES: Final[dict[str, tuple[tuple[Shape, ...], ...]]] = {
    "cpu": tuple(
        (shape,)
        for shape in (
            Shape(1, 0, 256), Shape(1, 0, 512), Shape(1, 0, 1024),
            Shape(4, 128, 30, 3, channels_last=True), Shape(4, 128, 30, 3),
            Shape(4, 256, 16, 3, channels_last=True), Shape(1, 64, 58, 3, channels_last=True),
            Shape(1, 256, 28, 1, channels_last=True),
        )
    ),
    "cuda": (
        tuple(Shape(1, 0, size) for size in (2048, 4096, 8192, 16384)),
        *_convolutions(512, 28, 1, 1), *_convolutions(256, 57, 3, 2),
    ),
}  # fmt: skip
"""Of each kind of device: families of shapes, in each the smallest first.

The next larger one is tried as long as a larger one was faster, see `ceilings.saturated`.
"""
