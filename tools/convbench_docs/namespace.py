"""What an [[= expression ]] in a page can say: figures from the code and from the committed run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from convbench.convs.base import make
from convbench.core import text as show
from convbench.core.spec import ConvSpec
from convbench.machine.fingerprint import MUST_MATCH
from convbench.runs.frame import Row
from convbench.runs.gap import FACTORS
from convbench.runs.suite import load_suite, suite_text
from convbench_docs import counters, networks, reference, types_pages
from convbench_docs.formulas import mathml
from convbench_docs.measured import balance, intensity, rows_of, sentence
from convbench_docs.sources import Sources
from convbench_docs.text import DocsError, bullets, code, plain, table


def namespace(sources: Sources) -> dict[str, Any]:
    """Return the names that pages may use, by name. Functions return Markdown."""
    own = _Pages(sources)
    return {
        "constant": constant,
        "share": lambda value: plain(show.share(value)),
        "number": lambda value: plain(f"{value:,}"),
        "significant": lambda value, digits=2: plain(show.significant(value, digits)),
        "fields": reference.field_table,
        "frame_columns": reference.frame_columns,
        "profile_columns": reference.profile_columns,
        "defaults": reference.defaults_table,
        "entries": reference.entries,
        "public": reference.public,
        "command_line": reference.command_line,
        "formula": formula_of,
        "slot": slot,
        "multiplications": multiplications,
        "times_fewer": times_fewer,
        "types_overview": lambda: types_pages.overview(sources),
        "types_clock": lambda: types_pages.clock_figure(sources),
        "counting_rules": counters.rules,
        "conventions": lambda: counters.conventions(sources),
        "audit": lambda: counters.audit(sources),
        "audited": lambda: counters.audited(sources),
        "renderers": counters.renderers,
        "network_costs": networks.costs_table,
        "network_sizes": networks.sizes_table,
        "network_stages": networks.stages_figure,
        "network_kinds": networks.kinds_table,
        "network_times": lambda: networks.on_the_clock(sources),
        "factors": factors,
        "tolerances": tolerances,
        "suite": suite_text,
        "suites": suites,
        "excerpt": own.excerpt,
        "says": own.says,
        "time": own.time,
        "time_ratio": own.time_ratio,
        "verdict": own.verdict,
        "intensity": own.intensity,
        "balance": own.balance,
        "machine": lambda: plain(sources.machine),
        "fingerprint": own.fingerprint,
        "first_calls": own.first_calls,
        "resolution": own.resolution,
        "clock_trial": own.clock_trial,
    }


def factors() -> str:
    """Return the factors of a time ratio, each with what it holds."""
    return bullets([f"**{title.name}**: {plain(title.note)}." for title in FACTORS.values()])


def tolerances() -> str:
    """Return how far the output of each data type may be from that of float64."""
    known: dict[str, float] = constant("convbench.clock.checking.TOLERANCES")
    return ", ".join(f"{show.significant(share, 1)} ({name})" for name, share in known.items())


def constant(path: str) -> Any:
    """Return a constant of the code, named as package.module.NAME."""
    return reference.found(path)


def formula_of(name: str, *, ratio_to: str | None = None, **knobs: Any) -> str:
    """Return the formula of a type, or its ratio to another, in the line."""
    from convbench.formulas.symbols import formula

    return mathml(formula(name, ratio_to=ratio_to, **knobs))


def slot(text: str) -> ConvSpec:
    """Read a slot such as "64 64 56 3": C, N, height and width, K, padded to keep the size."""
    channels, outputs, size, kernel = map(int, text.split())
    return ConvSpec(
        in_channels=channels,
        out_channels=outputs,
        input_size=(size, size),
        kernel_size=kernel,
        padding="same",
    )


def multiplications(name: str, where: str, **knobs: Any) -> str:
    """Return the multiplications of a type in a slot."""
    return plain(show.count(make(name, knobs).cost(slot(where)).multiplications))


def times_fewer(name: str, than: str, where: str) -> str:
    """Return by which factor a type needs fewer multiplications than another."""
    spec = slot(where)
    more = make(than).cost(spec).multiplications
    return plain(show.times(more / make(name).cost(spec).multiplications))


def suites() -> str:
    """Return the built-in suites, with what each does."""
    built_in: Final = constant("convbench.runs.suite.BUILT_IN")
    points = [f"{code(name)}: {plain(load_suite(name).description)}" for name in built_in]
    return bullets(points)


class _Pages:
    """What pages say of the committed run and reports."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def _row(self, name: str, where: str) -> Row:
        """Return the row of a type or network whose slot begins with `where`."""
        for row in self._rows(name):
            if row.record.slot.startswith(where):
                return row
        raise DocsError(
            f"a page asks for the time of {name} in {where!r}, which the committed run has not: "
            "ask for another, or measure it."
        )

    def _rows(self, name: str) -> Iterator[Row]:
        yield from rows_of(self._sources, name)
        for row in self._sources.rows:
            if row.record.kind == "network" and row.record.name == name and row.seconds:
                yield row

    def says(self, name: str, where: str = "") -> str:
        """Return what the run says of a type against its baseline, as a sentence."""
        return sentence(self._row(name, where))

    def time(self, name: str, where: str = "") -> str:
        """Return the time of a call, with its interval."""
        return plain(show.cell(self._row(name, where).seconds, "seconds"))

    def time_ratio(self, name: str, where: str = "") -> str:
        """Return the time ratio to the baseline, with its interval."""
        return plain(show.cell(self._row(name, where).time, "ratio"))

    def verdict(self, name: str, where: str = "") -> str:
        """Return faster, slower, or cannot tell."""
        found = self._row(name, where).time
        return plain(found.verdict if found else "no ratio")

    def intensity(self, name: str, where: str) -> str:
        """Return the multiplications for each byte moved."""
        return plain(show.significant(intensity(make(name).cost(slot(where))), 3))

    def balance(self) -> str:
        """Return the same of the run's machine, at its best."""
        found = balance(self._sources)
        return plain("unknown" if found is None else show.significant(found, 2))

    def first_calls(self, name: str, where: str = "") -> str:
        """Return the first call of a case, and its typical one."""
        row = self._row(name, where)
        first = sorted(s.first_call for s in row.record.samples if s.first_call is not None)
        middle = first[len(first) // 2]
        typical = row.seconds.value if row.seconds else 0.0
        return plain(
            f"{show.seconds(middle)} in the first call and {show.seconds(typical)} typically "
            f"({show.times(middle / typical)})"
        )

    def resolution(self) -> str:
        """Return what the run's machine could tell of itself, for each size of work."""
        found = self._sources.run.header.machine.resolution
        if found is None:
            return plain("the run did not ask")
        return plain(
            f"{found.excluding_one} of {found.trials} comparisons of a call with itself were "
            "called different"
        )

    def fingerprint(self) -> str:
        """Return the keys of a fingerprint, an example of each, and which must match."""
        rows = [
            (
                code(key),
                plain(show.cell(value, "text")),
                "must match" if key in MUST_MATCH else "–",
            )
            for key, value in self._sources.run.header.fingerprint.items()
        ]
        return table(("key", "in the committed run", "in two runs"), rows)

    def clock_trial(self, trial: str, word: str) -> str:
        """Return a claim of a trial on the committed page of the clock, and what came out."""
        section = ""
        for line in self._sources.file("reports/clock/report.md").splitlines():
            if line.startswith("## "):
                section = line.removeprefix("## ").partition(":")[0]
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            if section == trial and len(cells) > 1 and word in cells[0]:
                return plain(f"{cells[0]}: {cells[1]}")
        raise DocsError(
            f"a page quotes trial {trial!r} with {word!r}, and reports/clock has none: correct it."
        )

    def excerpt(self, path: str, begins: str) -> str:
        """Return the line of a committed report that begins with some words, as it stands."""
        for line in self._sources.file(path).splitlines():
            if line.startswith(begins):
                return line
        raise DocsError(f"a page quotes {begins!r} of {path}, where no line begins so: correct it.")
