"""Every real network that installs, counted twice: `python benchmarks/field`.

Makes the networks of timm, torchvision, pytorchcv and other packages without weights, counts each
with `convbench.profile` and with a count that shares no code with it, and writes a page that says
of every one whether the two are equal, and if not, who is right and why. The exit status is 1
where a difference is not explained. Counts take shapes alone: about an hour on two cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import page  # noqa: E402  this folder is a program, not a package
import running  # noqa: E402
from sources import NAMES  # noqa: E402


def main() -> int:
    """Count what is asked for, write the page, return 1 where a difference is not explained."""
    asked = _parser().parse_args()
    unknown = [name for name in asked.only if name not in NAMES]
    if unknown:
        sys.stderr.write(f"There is no source {', '.join(unknown)}. Known: {', '.join(NAMES)}.\n")
        return 2
    asked.out.mkdir(parents=True, exist_ok=True)
    data = asked.data or asked.out / "networks.jsonl"
    if not (asked.resume or asked.page):
        data.unlink(missing_ok=True)
    for name in () if asked.page else asked.only or NAMES:
        # a process for each package: none meets what another one patches
        subprocess.run([sys.executable, str(HERE / "host.py"), name, str(data)], check=False)  # noqa: S603
        sys.stdout.write("\n")
    return page.write(asked.out, running.rows(data))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python benchmarks/field",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("reports/field"), metavar="FOLDER")
    parser.add_argument("--data", type=Path, metavar="FILE", help="the rows [default: in --out]")
    parser.add_argument("--only", nargs="+", default=[], metavar="PACKAGE", help="these sources")
    parser.add_argument("--resume", action="store_true", help="keep what has been counted")
    parser.add_argument("--page", action="store_true", help="count nothing: the page again")
    return parser


if __name__ == "__main__":
    sys.exit(main())
