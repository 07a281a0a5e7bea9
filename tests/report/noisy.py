"""A part of a real run on a busy machine, for what is shown of it.

noisy.jsonl.gz holds the header (the number of cases is that of the part) and 55 of the 220 records
of `convbench run --suite default --seed 0`, as they were written: 64→64 on 56×56 and 512→512 on
7×7, both of batch 1, three pairs over the output channels, an upsampling slot, and OSNet at every
width. The machine had 2 cores, the run used both, and other work went on beside it: processes of
one case differ by a factor of up to 107.
"""

import gzip
import json
from functools import cache
from pathlib import Path

from convbench.runs.record import Header, Record, Run


@cache
def noisy_run() -> Run:
    """Return the run, whole and finished."""
    lines = gzip.decompress(Path(__file__).with_name("noisy.jsonl.gz").read_bytes())
    header, *records = map(json.loads, lines.decode().splitlines())
    return Run(header=Header.from_json(header), records=tuple(map(Record.from_json, records)))
