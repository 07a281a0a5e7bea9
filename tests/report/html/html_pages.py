"""Pages to test, and a reader of HTML that is strict enough to notice what escaped."""

from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser

from conftest_root import ROOT
from report.noisy import noisy_run
from report.report_runs import many_groups, whole_run

from convbench.report.contents import contents
from convbench.report.document import Column, Document, Fold, Heading, Table
from convbench.report.formats.html.page import page
from convbench.report.groups import groups
from convbench.report.plots import ratios_figure
from convbench.runs.columns import LISTED, derived
from convbench.runs.store import load

AWKWARD = (
    "<script>alert(1)</script>",
    "</script><script>globalThis.broken=1</script>",
    '"><img src=x onerror=alert(1)>',
    "<b>bold</b> <i>it</i>",
    '<a href="javascript:alert(1)">link</a>',
    "%{x} {{ 7*7 }} {% raw %} $\\alpha$",
    "constructor",
    "__proto__",
    "&lt;i&gt; & &amp;",
    "a|b;c,d",
    "a\u2028b\u2029c",
    "=1+1",
    "long " * 12,
    "w" * 90,
)
"""Names that mean something to HTML, to a script, to Plotly, to a template or to a spreadsheet."""

VOID = {"meta", "link", "input", "img", "br", "hr", "use", "path", "circle", "wbr"}


@cache
def committed() -> Document:
    """Return the report of the run in the repository."""
    return contents(load(ROOT / "reports" / "cpu-quick"))


@cache
def awkward() -> Document:
    """Return a report of types and networks with the worst names, in every group."""
    run = whole_run()
    names = list(dict.fromkeys(record.name for record in run.records))
    renamed = {
        name: AWKWARD[index] if index < len(AWKWARD) else name for index, name in enumerate(names)
    }
    records = tuple(
        replace(record, name=renamed[record.name], label=renamed[record.name])
        for record in run.records
    )
    return contents(replace(run, records=records))


@cache
def folded() -> Document:
    """Return a report of so many groups that most of them are folded."""
    run = many_groups()
    kept = list(dict.fromkeys(record.group for record in run.records))[:9]
    return contents(replace(run, records=tuple(r for r in run.records if r.group in kept)))


@cache
def merged() -> Document:
    """Return each group of a noisy run as one table and a figure, all but the first folded."""
    columns = (
        Column(name="case", key="label"),
        *(Column(name=told.title, key=key, kind=told.kind) for key, told in LISTED.items()),
        Column(name="multiplications ÷ baseline", key="ratio_multiplications", kind="ratio"),
        Column(name="time of a call", key="seconds", kind="seconds"),
        Column(name="time ÷ baseline", key="ratio_seconds", kind="ratio"),
        Column(name="verdict", key="verdict"),
        Column(name="gives up", key="caveat"),
        Column(name="flags", key="flags"),
    )
    tables, figures = [], []
    for number, group in enumerate(groups(noisy_run())):
        figures.append(ratios_figure(group, number))
        rows = tuple(
            (
                row.record.label,
                *(derived(row.record)[key] for key in LISTED),
                row.multiplications,
                row.seconds,
                row.time,
                row.time.verdict if row.time else "baseline",
                row.record.caveat.text,
                "; ".join(row.flags),
            )
            for row in group.rows
        )
        tables.append(Table(id="group", caption="", columns=columns, rows=rows, part=group.label))
    first, *others = tables
    return Document(
        title="One table a group",
        blocks=(
            Heading(level=2, text="Cost and time"),
            Heading(level=3, text=first.part),
            first,
            *(
                Fold(summary=table.part, blocks=(table, figure) if figure else (table,))
                for table, figure in zip(others, figures[1:], strict=True)
            ),
        ),
    )


@cache
def html(name: str) -> str:
    """Return the page of a document above, by its name; that of the noisy run for "noisy"."""
    documents = {"committed": committed, "awkward": awkward, "folded": folded, "merged": merged}
    return page(documents[name]() if name in documents else contents(noisy_run()))


@dataclass
class Element:
    """An element with what is in it."""

    tag: str
    attributes: dict
    children: list = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text inside, as it was written."""
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    def walk(self):
        """Yield the element and all below it, in order."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, tag, **attributes):
        """Return the elements of a tag with those attributes."""
        return [
            e
            for e in self.walk()
            if e.tag == tag and all(e.attributes.get(k) == v for k, v in attributes.items())
        ]


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = Element("root", {})
        self.open = [self.root]

    def handle_starttag(self, tag, attrs):
        made = Element(tag, dict(attrs))
        self.open[-1].children.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].children.append(data)


def read(text: str) -> Element:
    """Return a page as a tree; fail where an element is closed that is not open."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [reader.root], f"not closed: {[e.tag for e in reader.open[1:]]}"
    return reader.root
