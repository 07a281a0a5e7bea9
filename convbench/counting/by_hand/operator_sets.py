"""Operators that are followed, by what they do with products and with where elements come from."""

from __future__ import annotations

from typing import Final

from convbench.counting.by_hand.axes import MOVES
from convbench.counting.by_hand.divisors import STATISTICS
from convbench.counting.by_hand.number_kinds import KEEPS_KIND
from convbench.counting.zero_cost import ELEMENTWISE, NORMALISATION, RESIZE

POINTWISE: Final = frozenset(
    name for name in ELEMENTWISE | NORMALISATION if "backward" not in name and name != "glu"
) | {"clip", "softmax", "log_softmax", "dropout", "native_dropout", "tril", "triu", "diff"}
"""Maps of each element by itself, with the numbers of its row, channel or tensor: an activation, a
normalisation, a mask."""
SAMPLES: Final = frozenset({
    "gather", "take_along_dim", "grid_sampler", "grid_sampler_2d", "grid_sampler_3d",
    "cudnn_grid_sampler", "grid_sampler_2d_cpu_fallback",
})  # fmt: skip
"""What gives numbers of its first argument, picked or mixed by another: a part of that tensor."""
SPREADS: Final = frozenset(name for name in RESIZE if name.startswith("upsample")) | {
    "repeat", "repeat_interleave", "tile",
}  # fmt: skip
"""What repeats, or fills in between: a size of 1 is spread as by `expand`."""
LOSSES: Final = frozenset({
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "huber_loss", "mse_loss",
    "smooth_l1_loss", "soft_margin_loss",
})  # fmt: skip
"""Maps of each element of the first argument, unless they are summed."""
SUMS: Final = frozenset({"sum", "mean", "nansum", "nanmean", "cumsum"}) | {
    f"{kind}avg_pool{dims}d" for kind in ("", "adaptive_") for dims in (1, 2, 3)
}
STACKS: Final = frozenset({"cat", "concat", "concatenate", "stack"})
ADDITIONS: Final = frozenset({"add", "sub", "subtract", "rsub"})
SCALINGS: Final = frozenset({"div", "divide", "true_divide", "neg", "negative"})
MASKS: Final = frozenset({"masked_fill", "tril", "triu", "dropout", "native_dropout", "nan_to_num"})
SCATTERS: Final = frozenset({"index_add", "scatter_add", "scatter_reduce", "index_put"})
BLANKS: Final = frozenset(
    {"zeros", "zeros_like", "new_zeros", "zero", "empty", "empty_like", "new_empty"}
)
"""Tensors to which products may be added, or written."""
PRODUCTS: Final = frozenset({"mul", "multiply"})
TRACKED: Final = (
    (SUMS | STACKS | ADDITIONS | SCALINGS | MASKS | SCATTERS | BLANKS | PRODUCTS | frozenset(MOVES))
    | {"addcmul", "copy", "where"}
    | STATISTICS
    | POINTWISE
    | KEEPS_KIND
    | SAMPLES
    | SPREADS
    | LOSSES
)
"""Operators for `ContractionTracker.see`; any other that works in place is for its `drop`."""
