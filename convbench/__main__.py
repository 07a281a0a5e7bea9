"""`python -m convbench`, and the `convbench` command."""

import os
import sys

# `python -m` looks in the working folder first: a tabulate.py there would run in place of tabulate
if sys.path[:1] in ([""], [os.getcwd()]):  # noqa: PTH109  before anything else is imported
    sys.path.append(sys.path.pop(0))

from convbench.ui.cli import main

if __name__ == "__main__":
    main()
