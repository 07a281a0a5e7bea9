"""Trials of the clock itself: `python benchmarks/clock [NAME …] [--noise] [--quick]`.

Each trial states a claim, measures it, and says whether it holds. They take minutes, and only mean
something on a machine that does nothing else; `--noise` puts two busy processes beside those for
which that is the point. No test calls this: a claim about time has no place in one.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import page
import trials  # this folder is a program, not a package
from noise import busy


def main() -> int:
    """Run the trials named, print each claim, and return 1 where one was missed."""
    parser = argparse.ArgumentParser(prog="benchmarks/clock", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(trials.ALL))
    parser.add_argument("--noise", action="store_true", help="two busy processes beside it")
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials: a look only")
    parser.add_argument("--out", type=Path, metavar="FILE", help="add the claims to a page")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in trials.ALL]
    if unknown:
        parser.error(f"{', '.join(unknown)}: there is {', '.join(trials.ALL)}")
    found: list[tuple[str, trials.Claim]] = []
    for name in chosen.names or trials.ALL:
        title = name + " under noise" * chosen.noise
        begin = time.perf_counter()
        with busy(2 if chosen.noise else 0):
            for claim in trials.ALL[name](0.1 if chosen.quick else 1.0):
                found.append((title, claim))
                mark = "holds" if claim.holds else "MISSED"
                print(f"{mark:6}  {title}: {claim.text}", flush=True)  # noqa: T201
        print(f"        ({time.perf_counter() - begin:.0f} s)", flush=True)  # noqa: T201
    if chosen.out is not None:
        page.add(chosen.out, found, quick=chosen.quick)
    return int(not all(claim.holds for _, claim in found))


if __name__ == "__main__":
    sys.exit(main())
