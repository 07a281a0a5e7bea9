"""What MkDocs calls while it builds: pages are added and filled; named under `hooks` in mkdocs.yml.

An entry of the navigation that ends in /* stands for all generated pages of that folder.
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Any, Final

from convbench_docs import types_pages
from convbench_docs.filling import fill
from convbench_docs.namespace import namespace
from convbench_docs.sources import Sources
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from convbench.core.errors import ConvbenchError

REPORTS: Final = (
    "reports/clock",
    "reports/compare",
    "reports/counter-audit",
    "reports/cpu-quick",
    "reports/field",
    "reports/scale",
    "reports/published",
)
"""Committed reports that are part of the site, with the files beside them."""
ROOT_PAGES: Final = {
    name: name.lower() for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
}
"""Pages that lie beside docs/, where hosts of repositories look for them."""
SHOWN: Final = (".md", ".png", ".csv", ".json", ".jsonl")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace each folder/* in the navigation by the pages that are generated there."""
    config.nav = _expanded(config.nav, sorted(_generated(_root(config))))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, those beside docs/ and the committed reports."""
    root = _root(config)
    for source, name in ROOT_PAGES.items():
        text = (root / source).read_text(encoding="utf-8").replace("](docs/", "](")
        for other, page in ROOT_PAGES.items():
            text = text.replace(f"]({other})", f"]({page})")
        files.append(File.generated(config, name, content=text))
    for path, text in _generated(root).items():
        files.append(File.generated(config, path, content=text))
    for folder in REPORTS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in SHOWN and not file.name.startswith("."):
                name = file.relative_to(root).as_posix()
                files.append(File.generated(config, name, content=_text(file)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill a written page; let Markdown into the folds of a report."""
    del files
    where = page.file.src_uri
    if where.startswith("reports/"):
        return markdown.replace("<details>", '<details markdown="1">')
    if where in _generated(_root(config)) or where in ROOT_PAGES.values():
        return markdown
    try:
        return fill(markdown, _names(_root(config)), where)
    except ConvbenchError as error:
        raise PluginError(str(error)) from error


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Warn of a page whose first heading is missing or not alone: strict builds then fail."""
    del config, files
    number = html.count("<h1")
    if number != 1:
        logging.getLogger("mkdocs.hooks").warning(
            "%s has %d headings of the first level; give it one.", page.file.src_uri, number
        )
    return html


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).parent


@cache
def _sources(root: Path) -> Sources:
    return Sources(root)


@cache
def _generated(root: Path) -> dict[str, str]:
    try:
        return types_pages.pages(_sources(root))
    except ConvbenchError as error:
        raise PluginError(str(error)) from error


@cache
def _names(root: Path) -> dict[str, Any]:
    return namespace(_sources(root))


def _text(file: Path) -> str | bytes:
    return file.read_text(encoding="utf-8") if file.suffix == ".md" else file.read_bytes()


def _expanded(entry: Any, generated: list[str]) -> Any:
    """Return a part of the navigation with folders replaced by their pages."""
    if isinstance(entry, dict):
        return {title: _expanded(inside, generated) for title, inside in entry.items()}
    if not isinstance(entry, list):
        return entry
    found: list[Any] = []
    for item in entry:
        if isinstance(item, str) and item.endswith("/*"):
            found += [name for name in generated if name.startswith(item[:-1])]
        else:
            found.append(_expanded(item, generated))
    return found
