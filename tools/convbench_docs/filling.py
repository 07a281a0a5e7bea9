"""Written pages are filled: [[= an expression ]] becomes what it says, from the code or the run.

So a number on a page is never older than the code. Jinja does the work, with delimiters that no
programming language on these pages uses; a name that is not known is an error, not a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convbench_docs.text import DocsError


def fill(text: str, names: Mapping[str, Any], where: str) -> str:
    """Return a page with its expressions replaced.

    where: the page, for messages.

    Raises:
        DocsError: an expression that cannot be evaluated; the message names page and reason.

    """
    import jinja2

    environment = jinja2.Environment(
        variable_start_string="[[=",
        variable_end_string="]]",
        block_start_string="[[%",
        block_end_string="%]]",
        comment_start_string="[[#",
        comment_end_string="#]]",
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  every function escapes what it returns; pages are Markdown
        keep_trailing_newline=True,
    )
    try:
        return environment.from_string(text).render(names)
    except (jinja2.TemplateError, TypeError, ValueError, LookupError) as error:
        line = getattr(error, "lineno", None)
        place = f"{where}, line {line}" if line else where
        raise DocsError(
            f"{place}: an expression in [[= … ]] cannot be evaluated ({error}): correct it; "
            "convbench_docs.namespace has the names."
        ) from error
