"""Reference pages from the code: names, fields, commands and their options."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, is_typeddict

from convbench.core.docstrings import parts
from convbench.core.serialization import hints
from convbench_docs import docstrings
from convbench_docs.text import DocsError, code, fence, plain, table


def found(path: str) -> Any:
    """Return the object at "package.module.name", maybe of a class; DocsError for none."""
    try:
        return pkgutil.resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise DocsError(
            f"a page names {path}, which there is not ({error}): correct the name."
        ) from None


def entry(path: str, level: int = 3) -> str:
    """Return what the docstring of a public name says, under a heading with its signature.

    Of a class also its public methods and properties, each with its first paragraph.

    Raises:
        DocsError: no such name, or one without a docstring.

    """
    thing = found(path)
    doc = inspect.getdoc(thing)
    if not doc:
        raise DocsError(f"{path} has no docstring, and a page shows it: write one.")
    name = path.rpartition(".")[2]
    blocks = [f"{'#' * level} {code(name)}", f"From {code(path.rpartition('.')[0])}."]
    if callable(thing):
        blocks.append(fence(_signature(name, thing)))
    blocks.append(_described(thing, doc))
    if inspect.isclass(thing):
        rows = _members(thing)
        if rows:
            blocks.append(table(("member", "what it is"), rows))
    return "\n\n".join(blocks)


def _described(thing: Any, doc: str) -> str:
    """Return a docstring; of a dataclass that says what its fields are, these as a table."""
    if not (inspect.isclass(thing) and is_dataclass(thing) and fields(thing)):
        return docstrings.markdown(doc)
    try:
        said = docstrings.documented(thing)
    except DocsError:
        return docstrings.markdown(doc)
    rows = [(code(name), docstrings.prose(_sentence(text))) for name, text in said.items()]
    rest = docstrings.markdown(doc, without=tuple(said))
    return f"{rest}\n\n{table(('field', 'what it is'), rows)}"


def entries(*paths: str, level: int = 3) -> str:
    """Return several entries."""
    return "\n\n".join(entry(path, level) for path in paths)


def public(module: str, level: int = 3) -> str:
    """Return an entry for every name in a module's `__all__`, in its order, from where it lives."""
    loaded = importlib.import_module(module)
    homes = ((getattr(loaded, name).__module__, name) for name in loaded.__all__)
    shown = []
    for home, name in homes:
        text = entry(f"{home}.{name}", level)
        shown.append(text.replace(f"From {code(home)}.", f"From {code(module)}.", 1))
    return "\n\n".join(shown)


def _signature(name: str, thing: Any) -> str:
    """Return how it is called; one argument a line where it is long."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return name
    back = signature.empty if inspect.isclass(thing) else signature.return_annotation
    parameters = [
        item.replace(annotation=item.annotation if item.annotation is item.empty
                     else _Bare(_kind(item.annotation)),
                     default=_Bare("…") if " at 0x" in repr(item.default) else item.default)
        for item in signature.parameters.values()
    ]  # fmt: skip
    arrow = "" if back is signature.empty else f" -> {_kind(back)}"
    one_line = f"{name}{signature.replace(parameters=parameters, return_annotation=back)}"
    one_line = f"{one_line.partition(' -> ')[0]}{arrow}"
    if len(one_line) <= 88 or not parameters:  # noqa: PLR2004  a line on a page
        return one_line
    lines: list[str] = []
    star = False
    for item in parameters:
        if item.kind is item.KEYWORD_ONLY and not star:
            lines.append("    *,")
            star = True
        star = star or item.kind is item.VAR_POSITIONAL
        lines.append(f"    {item},")
    return "\n".join([f"{name}(", *lines, f"){arrow}"])


class _Bare(str):
    """An annotation or a default that is written without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _members(cls: type[Any]) -> list[tuple[str, str]]:
    rows = []
    for name, member in vars(cls).items():
        if name.startswith("_"):
            continue
        target = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if isinstance(target, property):
            label = f".{name}"
        elif inspect.isfunction(target):
            label = f".{name}()"
        else:
            continue
        first = parts(inspect.getdoc(target) or "")
        said = first[0].items[0] if first else ""
        rows.append((code(label), docstrings.prose(said)))
    return rows


def field_table(path: str) -> str:
    """Return the fields of a dataclass or typed dictionary: name, type, what is said of it.

    Raises:
        DocsError: no dataclass, or a field of which nothing is said.

    """
    cls = found(path)
    if not isinstance(cls, type) or not (is_dataclass(cls) or is_typeddict(cls)):
        raise DocsError(f"{path} is no dataclass, and a page shows its fields: name another.")
    kinds = {item.name: item.type for item in fields(cls)} if is_dataclass(cls) else hints(cls)
    rows = [
        (code(name), code(_kind(kinds[name])), docstrings.prose(_sentence(text)))
        for name, text in docstrings.documented(cls).items()
    ]
    return table(("field", "type", "what it is"), rows)


def frame_columns() -> str:
    """Return the columns of a run's frame: name, unit, what it is."""
    from convbench.core.units import UNITS
    from convbench.runs.columns import COLUMNS, of_backend, of_counter
    from convbench.runs.columns_gpu import OF_A_GPU
    from convbench.runs.record import Record

    said = docstrings.documented(Record)
    shown = (*COLUMNS.values(), *of_counter("…"), *OF_A_GPU.values(), of_backend("…"))
    rows = [
        (
            code(column.name),
            plain(UNITS[column.kind]),
            docstrings.prose(_sentence(column.note or said[column.name]).rstrip(".") + "."),
        )
        for column in shown
    ]
    return table(("column", "unit", "what it is"), rows)


def defaults_table(path: str) -> str:
    """Return the fields of a dataclass with their defaults; raises as `field_table` does."""
    cls = found(path)
    said = docstrings.documented(cls)
    rows = [
        (
            code(item.name),
            code("needed" if item.default is MISSING else f"{item.default!r}"),
            docstrings.prose(_sentence(said[item.name])),
        )
        for item in fields(cls)
    ]
    return table(("field", "default", "what it is"), rows)


def _kind(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    return annotation.__name__ if type(annotation) is type else str(annotation)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def profile_columns() -> str:
    """Return the columns of a profile by module, with what each holds."""
    from convbench.counting.engine.columns import COLUMNS

    rows = [(code(name), plain(COLUMNS[name].title), plain(COLUMNS[name].note)) for name in COLUMNS]
    return table(("column", "heading", "what it is"), rows)


def command_line() -> str:
    """Return every command with its arguments and options, as the command line itself has them."""
    import typer

    from convbench.ui.cli import app

    group: Any = typer.main.get_command(app)
    top = group.make_context("convbench", [], resilient_parsing=True)
    blocks = ["## Options of every command", "They stand before the command.", _options(group, top)]
    for name, command in group.commands.items():
        context = command.make_context(name, [], parent=top, resilient_parsing=True)
        usage = " ".join(command.collect_usage_pieces(context))
        blocks += [
            f"## {code(f'convbench {name}')}",
            plain(command.help or ""),
            fence(f"convbench {name} {usage}", "text"),
            _options(command, context),
        ]
    return "\n\n".join(blocks)


def _options(command: Any, context: Any) -> str:
    rows = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            name, said = record
            rows.append((code(name), plain(said)))
    return table(("argument or option", "what it does"), rows)
