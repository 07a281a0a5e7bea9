"""Torch: its version, how it was built, and what is in force. Imports torch when asked."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from convbench.clock.settings import denormals_flushed
from convbench.core.sources import UNKNOWN

_ONEDNN: Final = re.compile(r"MKL-DNN v([\w.]+)|oneDNN v([\w.]+)")
_MKL: Final = re.compile(r"Math Kernel Library Version ([\w.]+)")


def torch_build() -> dict[str, Any]:
    """Return the facts of torch. Source: torch.version, torch.__config__, torch.backends."""
    import torch

    config = torch.__config__.show()
    return {
        "torch": str(torch.__version__),
        "torch_git": (torch.version.git_version or UNKNOWN)[:12],
        "torch_debug": bool(torch.version.debug),
        "torch_build_type": build_setting(config, "BUILD_TYPE"),
        "torch_cxx11_abi": bool(torch.compiled_with_cxx11_abi()),
        "torch_blas": build_setting(config, "BLAS_INFO"),
        "torch_use_mkldnn": build_setting(config, "USE_MKLDNN"),
        "mkldnn": torch.backends.mkldnn.is_available(),
        "mkldnn_version": _found(_ONEDNN, config),
        "mkl_version": _found(_MKL, config),
        "openmp": torch.backends.openmp.is_available(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch_threads": torch.get_num_threads(),
        "torch_interop_threads": torch.get_num_interop_threads(),
        "denormals_flushed": denormals_flushed(),
        "matmul_precision": torch.get_float32_matmul_precision(),
        "cuda": torch.version.cuda or "none",
        "cudnn": str(torch.backends.cudnn.version() or "none"),
        "numpy": installed("numpy"),
        "fvcore": installed("fvcore"),
    }


def build_setting(config: str, name: str) -> str:
    """Return a setting out of torch's "Build settings: …"; "unknown" where it is not there."""
    found = re.search(rf"\b{name}=([^,\s]*)", config)
    # A value with a slash is a path of the machine that built it.
    return found[1] if found and found[1] and "/" not in found[1] else UNKNOWN


def installed(package: str) -> str:
    """Return a package's version, or "not installed"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return next(filter(None, match.groups()), UNKNOWN) if match else UNKNOWN
