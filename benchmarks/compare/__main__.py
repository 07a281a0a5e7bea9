"""Ask `compare` about runs of a suite of a hundred rows with nothing changed between them.

    python benchmarks/compare [FOLDER] [--record N] [--trials N] [--page FILE] [--times FILE]

FOLDER holds runs; without it only runs that are drawn are compared (`invented`). --record N makes N
runs there first, and one more in which one type was made slower: minutes each, as the suite says,
and nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import invented
import trials

from convbench.clock.contamination import contaminated_share
from convbench.clock.samples import Samples, of_process
from convbench.comparing.comparison import compare
from convbench.comparing.gate import outcome
from convbench.comparing.sides import Side, load_side

HERE = Path(__file__).parent
SLOW = "slow"
FAILS = "FAILS"


def main() -> int:
    """Answer; the status says whether all claims held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--record", type=int, default=0, metavar="N")
    parser.add_argument("--trials", type=int, default=200, metavar="N")
    parser.add_argument("--page", type=Path, metavar="FILE")
    parser.add_argument("--times", type=Path, metavar="FILE")
    asked = parser.parse_args()
    drawn = invented.claims(asked.trials)
    if asked.folder is None:
        if asked.record or asked.page or asked.times:
            parser.error("--record, --page and --times are about runs: give their folder")
        return status(told(drawn))
    for number in range(1, asked.record + 1):
        record(asked.folder / f"run{number:02}")
    if asked.record:
        record(asked.folder / SLOW, "--plugin", str(HERE / "slower.py"))
    folders = sorted(path for path in asked.folder.iterdir() if path.name.startswith("run"))
    if len(folders) < 2:
        parser.error(f"{asked.folder} holds {len(folders)} runs, run01 and on: give --record 6")
    sides = [load_side(path) for path in folders]
    lines = told(
        itertools.chain(
            trials.real(sides),
            trials.simulated(sides, asked.trials),
            trials.injected(sides, asked.trials),
            drawn,
        )
    )
    if (asked.folder / SLOW).is_dir():
        lines += really_slower(sides, load_side(asked.folder / SLOW))
    if asked.page:
        write(asked.page, sides[0], lines)
    if asked.times:
        asked.times.write_text(json.dumps(times(sides), indent=0) + "\n", encoding="utf-8")
    return status(lines)


def told(claims: Iterable[trials.Claim]) -> list[str]:
    """Print what came of each claim as soon as it is known, and return it."""
    return [say(f"{'holds' if claim.holds else FAILS}: {claim.text}") for claim in claims]


def say(line: str) -> str:
    """Print a line at once, for the trials take minutes, and return it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return line


def status(lines: list[str]) -> int:
    """Return the exit status: 1 where a claim failed."""
    return int(any(line.startswith(FAILS) for line in lines))


def record(out: Path, *options: str) -> None:
    """Make one run of the hundred rows."""
    command = [sys.executable, "-m", "convbench", *options, "run", "--quiet"]
    command += ["--suite", str(HERE / "hundred.toml"), "--threads", "1", "--out", str(out)]
    subprocess.run(command, check=True)  # noqa: S603  our own command


def really_slower(sides: list[Side], slow: Side) -> list[str]:
    """Return what every run says of the one in which a type was really made slower."""
    lines = []
    for side in sides:
        found = compare(side, slow)
        rows = [f"{row.pair.label} {row.ratio.value:.2f}" for row in found.found("slower")]
        ended = outcome(found).status
        lines.append(
            say(
                f"ghost really a tenth slower, against {Path(side.name).name}: status {ended}; "
                f"slower: {', '.join(rows) or 'none'}"
            )
        )
    return lines


def write(path: Path, side: Side, lines: list[str]) -> None:
    """Write the answers as a page, with where the runs were made."""
    machine = side.header.fingerprint
    head = (
        "# What `compare` claims, measured\n\n"
        f"Runs of benchmarks/compare/hundred.toml on {machine.get('cpu')}, "
        f"{machine.get('cores_logical')} cores, one thread, PyTorch {machine.get('torch')}, from "
        f"{side.header.started} on. Made by `python benchmarks/compare FOLDER --record N`.\n\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + "".join(f"- {line}\n" for line in lines), encoding="utf-8")


def times(sides: list[Side]) -> list[dict[str, object]]:
    """Return for every case what each process said: its seconds, and its contaminated share."""
    cases: dict[str, dict[str, object]] = {}
    for number, side in enumerate(sides):
        for item in side.records:
            if item.samples:
                row = cases.setdefault(
                    item.case,
                    {"label": item.label, "group": item.group, "slot": item.slot, "runs": []},
                )
                runs = row["runs"]
                assert isinstance(runs, list)
                runs += [[]] * (number - len(runs))
                runs.append([_said(samples) for samples in item.samples])
    return list(cases.values())


def _said(samples: Samples) -> list[float]:
    return [float(f"{of_process(samples):.6g}"), round(contaminated_share([samples]), 2)]


if __name__ == "__main__":
    sys.exit(main())
