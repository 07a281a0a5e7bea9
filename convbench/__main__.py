"""`python -m convbench`, and the `convbench` command."""

from convbench.ui.cli import main

if __name__ == "__main__":
    main()
