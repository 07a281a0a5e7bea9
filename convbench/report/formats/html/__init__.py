"""One HTML page that needs nothing beside it: for a browser, a phone and a printer.

    page      Document -> report.html: the template, the scripts and what may run in them
    view      blocks as the template wants them: sections, cards, cells with their raw values
    names     what can be followed through the page, and how each looks
    facts     all numbers of a case, for the label that a pointer shows
    chart     a picture -> what Plotly draws; traces: its marks; look: colours and signs

page.html.jinja, page.css and script/*.js are the page itself. Plotly and Jinja are imported only
when a page is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convbench.report.renderers import RENDERERS

if TYPE_CHECKING:
    from convbench.report.document import Document
    from convbench.report.renderers import Files


@RENDERERS.register("html")
def render(document: Document) -> Files:
    """Return report.html, with style, script, figures and data inside it.

    Raises MissingExtraError where the extra `html` is not installed.
    """
    from convbench.report.formats.html.page import page

    return {"report.html": page(document).encode()}
