"""Packages that only some need: imported where they are used, and named where they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from convbench.core.errors import MissingExtraError


def needed(module: str, *, extra: str, what: str) -> Any:
    """Return the imported module; MissingExtraError says what to install for it.

    module: dotted name, such as "pyarrow.parquet". extra: of convbench, that brings it. what: what
    needs it, at the start of the message.
    """
    try:
        return importlib.import_module(module)
    except Exception as error:  # a package can fail in any way as it is imported
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"{what} needs the package {package}, which cannot be imported ({error}): "
            f"pip install 'convbench[{extra}]'."
        ) from error
