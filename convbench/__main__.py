"""`python -m convbench`, and the `convbench` command."""

import atexit
import gc
import os
import sys

# `python -m` looks in the working folder first: a tabulate.py there would run in place of tabulate
if sys.path[:1] in ([""], [os.getcwd()]):  # noqa: PTH109  before anything else is imported
    sys.path.append(sys.path.pop(0))

from convbench.ui.cli import main

# Importing PyTorch makes 170,000 objects that stay until the end. To look through them for garbage
# took a third of the time of a short command, most of it when Python ends.
gc.set_threshold(100_000)
atexit.register(gc.freeze)

if __name__ == "__main__":
    main()
