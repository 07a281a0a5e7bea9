"""One browser and its pages for each module of tests that want them."""

from contextlib import ExitStack

import pytest
from report.html.browser import VIEWS, chromium, opened
from report.html.html_pages import html


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("pages")
    for name in ("committed", "awkward", "folded", "merged", "noisy"):
        (made / f"{name}.html").write_text(html(name), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def pages(browser, folder):
    """Open each page once for each view, and look at the end that nothing went wrong in it."""
    found = {}
    with ExitStack() as stack:

        def get(name, view=VIEWS[0]):
            if (name, view) not in found:
                one = stack.enter_context(opened(browser, folder / f"{name}.html", *view))
                one.page.wait_for_selector("html[data-ready]")
                found[name, view] = one
            found[name, view].release()
            return found[name, view]

        yield get
        for (name, _), one in found.items():
            assert one.problems == []
            assert one.requests == [(folder / f"{name}.html").as_uri()]


@pytest.fixture(params=VIEWS, ids=lambda view: f"{view[0]}-{view[2]}")
def every(request, pages):
    return pages("committed", request.param)


@pytest.fixture(params=[VIEWS[0], VIEWS[3]], ids=lambda view: f"{view[0]}-{view[2]}")
def both(request, pages):
    """Give one view of each width and of each scheme: for what does not depend on the two."""
    return pages("committed", request.param)


@pytest.fixture
def wide(pages):
    return pages("committed")
