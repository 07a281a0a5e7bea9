"""Errors a user can cause. Each message says what was given, why it cannot be, and what to do."""


class ConvbenchError(Exception):
    """Base of every error that the command line reports in one message with exit status 2."""


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


def first_line(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says, if it says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
