"""What tracing a module can fail with."""

from convbench.core.errors import ConvbenchError


class TraceError(ConvbenchError):
    """A module that cannot be traced with sizes as symbols; the message says why and the remedy."""
