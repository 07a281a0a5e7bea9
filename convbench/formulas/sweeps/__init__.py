"""Sweeps: the costs of every combination of sizes that a convolution type fits, all at once."""

from convbench.formulas.sweeps.table import sweep

__all__ = ["sweep"]
