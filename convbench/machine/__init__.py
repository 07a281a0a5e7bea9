"""What convbench knows of the machine that it measures on, and of its own limits there.

    resolution   what an A/A test found: how small a difference can be told. Needs no torch
    selfcheck    the A/A test: the same call timed against itself, several times
    calls        what it times: a tiny convolution and a middle one
    advice       warnings, each with its cause and its remedy, as a table of rules
    command      what `convbench doctor` does
    ceilings     peak rates: multiplications, bandwidth of each level of memory, shortest calls
    shapes       work by which the first is found; levels: the second; trials: of one call
    probe        what `convbench probe` does: it keeps the ceilings for the runs that follow
    probes       where the facts of the fingerprint come from

Importing any of them imports neither torch nor pandas. They use `clock` and what that uses.
"""

from convbench.machine.advice import Advice, advice
from convbench.machine.resolution import Resolution, SizeResolution, Trial
from convbench.machine.selfcheck import self_check

__all__ = ["Advice", "Resolution", "SizeResolution", "Trial", "advice", "self_check"]
