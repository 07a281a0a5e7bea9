"""A calibration: what was fitted on one machine, its file, and whether it is of this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from convbench.core.errors import ConvbenchError, quoted
from convbench.core.files import write_file
from convbench.core.notebook_views import OneLine
from convbench.core.serialization import ADDED, Duration, Rate, Share, Speed, Stored, Whole
from convbench.core.text import percent, plural
from convbench.machine.fingerprint import GROUPS, MAY_DIFFER, differences, fingerprint
from convbench.prediction.model import Context, Family

_GROUPS: Final = ("Processor", "System", "Torch")
_ASIDE: Final = frozenset(
    {"transparent_huge_pages", "allocator", "malloc_settings", "thread_settings",
     "denormals_flushed", "frequency_governor"}
)  # fmt: skip
"""Settings of a process or of a moment, not the machine."""
FACTS: Final = tuple(
    key for group in _GROUPS for key in GROUPS[group] if key not in MAY_DIFFER | _ASIDE
)
"""What makes a machine another one for a calibration: processor, system and PyTorch."""


class CalibrationError(ConvbenchError):
    """A calibration that is not there, cannot be read, or is of another machine."""


STEADY: Final = 0.1
"""How much longer a call may take at slow moments without a word."""
MODEL: Final = 3
"""Version of the terms and coordinates (`terms`) that a calibration holds numbers of."""


@dataclass(frozen=True, kw_only=True)
class Baseline(Stored):
    """A simpler prediction, and its median relative error on the calibration's convolutions.

    error: a share of the measured time.
    """

    multiplications_per_second: Speed
    bytes_per_second: Speed | None
    error: Share


@dataclass(frozen=True, kw_only=True, repr=False)
class Fit(OneLine, Stored):
    """What was fitted for one number of threads.

    Attributes:
        threads: intra-op threads.
        samples: how many calls were timed.
        families: what was fitted, by family of operators.
        view: seconds of an operator that only makes a view.
        context: what operators take among others beyond what they take alone.
        flops: FLOPs × constant.
        roofline: the larger of multiplications and bytes, each at its ceiling.
        unsteady: how much longer the same call took at slow moments of the calibration than at
            quick ones; 0 in files from before it was looked at.

    """

    threads: Whole
    samples: Whole
    families: dict[str, Family]
    view: Duration
    context: Context
    flops: Baseline
    roofline: Baseline
    unsteady: Rate = field(default=0.0, metadata=ADDED)

    @property
    def doubt(self) -> str:
        """What to know of a machine that was not steady while it was calibrated; else empty."""
        if self.unsteady <= STEADY:
            return ""
        return (
            f"With {plural(self.threads, 'thread')} the same call took {percent(self.unsteady)} "
            "longer at some moments of the calibration than at others: something else ran, or the "
            "cores are shared (hyper-threads of a virtual machine). Predicted times may be off by "
            "as much; calibrate again when the machine is quieter."
        )

    @property
    def in_short(self) -> str:
        """How many threads it is of, and what was timed."""
        return f"{plural(self.threads, 'thread')}, {plural(self.samples, 'sample')}"

    def error(self, share: float = 0.5) -> float:
        """Return the quantile of the relative errors of the samples that were held out."""
        import numpy as np

        errors = [abs(1 - np.exp(-e)) for one in self.families.values() for e in one.errors]
        return float(np.quantile(errors, share))


@dataclass(frozen=True, kw_only=True, repr=False)
class Calibration(OneLine, Stored):
    """What was fitted on one machine.

    dtype: of what was timed. took: seconds of all of it. model: see `MODEL`.
    """

    convbench: str
    made: str
    device: str
    dtype: str
    took: Duration
    machine: dict[str, Any]
    fits: tuple[Fit, ...]
    model: Whole = MODEL

    @property
    def in_short(self) -> str:
        """Of which machine, when it was made, and for how many threads."""
        threads = ", ".join(str(one.threads) for one in self.fits)
        return (
            f"{self.machine.get('cpu', self.device)}, {self.dtype}, threads {threads}, {self.made}"
        )

    def fit(self, threads: int) -> Fit:
        """Return the fit for a number of threads; CalibrationError where there is none."""
        for one in self.fits:
            if isinstance(threads, int) and one.threads == threads:
                return one
        known = " and ".join(str(one.threads) for one in self.fits) or "none"
        raise CalibrationError(
            f"The calibration has no times with {quoted(threads)} threads, only with {known}: ask "
            f"for one of these, or run `convbench calibrate` with that number."
        )

    def check_machine(self) -> None:
        """Raise CalibrationError where this machine is another one than was calibrated."""
        if other := differences(self.machine, fingerprint(self.device, 1)):
            raise CalibrationError(
                f"The calibration is of another machine ({'; '.join(other[:3])}): run "
                "`convbench calibrate` here, or give --any-machine to predict the times of that "
                "machine."
            )


def of_the_machine(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a machine another one for a calibration."""
    return {key: facts[key] for key in FACTS if key in facts}


def folder() -> Path:
    """Return the user's folder for calibrations."""
    import platformdirs

    return platformdirs.user_cache_path("convbench") / "calibrations"


def file_of(machine: Mapping[str, Any]) -> Path:
    """Return where the calibration of a machine is kept."""
    text = json.dumps(machine, sort_keys=True)
    return folder() / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"


def save(calibration: Calibration, path: Path | None = None) -> Path:
    """Write a calibration, for this machine unless a file is given; return the file."""
    path = path or file_of(calibration.machine)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(calibration.to_json()) + "\n", "give another file")
    return path


def load(path: str | Path | None = None, *, any_machine: bool = False) -> Calibration:
    """Read the calibration of this machine, or one from a file.

    any_machine: take one of another machine too. Raises CalibrationError where there is none, where
    it cannot be read, and where it is of another machine.
    """
    here = path is None
    path = file_of(of_the_machine(fingerprint("cpu", 1))) if path is None else Path(path)
    try:
        found = Calibration.from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        raise CalibrationError(
            "This machine is not calibrated, with this version of PyTorch: run `convbench "
            "calibrate`, which takes a minute."
            if here
            else f"There is no file {path}: check the path, or make it with `convbench calibrate "
            f"--out {path}`."
        ) from None
    except (OSError, ValueError) as error:
        raise CalibrationError(
            f"{path} is no calibration that this convbench can read ({error}): make it again with "
            "`convbench calibrate`."
        ) from None
    if found.model != MODEL:
        raise CalibrationError(
            f"{path} was made by another version of convbench, for another model: make it again "
            "with `convbench calibrate`."
        )
    if not any_machine:
        found.check_machine()
    return found
