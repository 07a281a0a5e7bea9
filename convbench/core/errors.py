"""Errors a user can cause. Each message says what was given, why it cannot be, and what to do."""

import re

_LONGEST = 4000
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
"""Where an object lies in memory, which is another place each time."""


class ConvbenchError(Exception):
    """Base of every error that the command line reports in one message with exit status 2."""

    def __str__(self) -> str:
        """Return the message; where it holds a text of many pages, its beginning and its end."""
        text = super().__str__()
        half = _LONGEST // 2
        return text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}"


class SpecError(ConvbenchError, ValueError):
    """A slot, or a convolution type in a slot, that cannot exist."""


class UnknownNameError(ConvbenchError, LookupError):
    """A name that no registry holds; the message offers the nearest ones."""


class DuplicateNameError(ConvbenchError, ValueError):
    """A name registered twice."""


class RunError(ConvbenchError):
    """A run folder that cannot be read, written or continued."""


class SuiteError(ConvbenchError, ValueError):
    """A suite file that says something it cannot mean."""


class DeviceError(ConvbenchError):
    """A device, data type or thread count that this machine does not have."""


class MissingExtraError(ConvbenchError, ImportError):
    """A part whose extra dependency is not installed; the message names the extra."""


def first_line(error: object, otherwise: str = "no message") -> str:
    """Return the first line that an error, or a text, says; `otherwise` where it says nothing."""
    try:
        lines = _ADDRESS.sub("", str(error)).splitlines()
    except Exception:  # noqa: BLE001  an error of others, whose own way of telling fails
        lines = []
    return next((line.strip() for line in lines if line.strip()), otherwise)


def one_line(error: BaseException) -> str:
    """Return the kind of an error and its first line; the kind alone where it says nothing."""
    said = first_line(error, "")
    return type(error).__name__ + (f": {said}" if said else "")


def quoted(value: object, most: int = 200) -> str:
    """Return the first `most` letters of what was given, as code: of any object, however odd."""
    try:
        return _ADDRESS.sub("", repr(value))[:most]
    except Exception as error:  # noqa: BLE001  an object of others, whose own way of telling fails
        kind = type(value)
        return f"<{kind.__module__}.{kind.__qualname__}, whose repr raises {type(error).__name__}>"
