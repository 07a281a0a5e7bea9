"""Count the networks of one package: `python host.py PACKAGE ROWS.jsonl`; `__main__` calls it."""

from __future__ import annotations

import os
import sys
import time
import warnings
from functools import partial
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]
os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", TQDM_DISABLE="1")

import counting  # noqa: E402
import running  # noqa: E402
import torch  # noqa: E402
from operators_of_torchvision import declared  # noqa: E402
from sources import source  # noqa: E402


def main(name: str, path: Path) -> None:
    """Append a row for each network that has none yet, then see each family's smallest again."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    began = time.perf_counter()
    rows = running.rows(path)
    done = {(row["package"], row["name"], row["kind"]) for row in rows}
    declared()
    try:
        found = source(name)
        named = found.names()
    except Exception as error:  # noqa: BLE001  a package that does not import is a row
        if (name, "", "source") not in done:
            row = {"package": name, "name": "", "kind": "source", "failed": "imported"}
            running.add(path, {**row, "why": f"{type(error).__name__}: {str(error)[:200]}"})
        return

    def job(kind: str, family: str, network: str) -> running.Job:
        key = {"package": name, "family": family, "name": network, "kind": kind}
        task = counting.counted if kind == "count" else counting.again
        return running.Job(key, partial(task, partial(found.make, network)))

    sys.stdout.write(f"{name}, {len(named)}: ")
    sys.stdout.flush()
    waiting = [(f, n) for f, n in named if (name, n, "count") not in done]
    running.run((job("count", family, network) for family, network in waiting), path)
    smallest: dict[str, tuple[int, str]] = {}
    for row in running.rows(path):
        if row["package"] == name and row["kind"] == "count" and "failed" not in row:
            mine = row["ours"], row["name"]
            smallest[row["family"]] = min(smallest.get(row["family"], mine), mine)
    again = [(f, n) for f, (_, n) in smallest.items() if (name, n, "again") not in done]
    running.run((job("again", family, network) for family, network in again), path)
    if waiting or again:
        took = round(time.perf_counter() - began)
        running.add(path, {"package": name, "name": "", "kind": "time", "seconds": took})


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
