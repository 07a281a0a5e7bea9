"""The site in a real headless Chromium: nothing is fetched from elsewhere, nothing overflows."""

import functools
import http.server
import os
import shutil
import threading

import pytest

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome")
PAGES = (
    "index.html", "types/shufflenet_unit.html", "method.html", "file-format.html", "networks.html",
)  # fmt: skip
CUT = """() => [...document.querySelectorAll("svg.cb-drawing text")].filter(text => {
    const own = text.getBoundingClientRect();
    const drawing = text.ownerSVGElement.getBoundingClientRect();
    return own.left < drawing.left - 1 || own.right > drawing.right + 1;
}).map(text => text.textContent)"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *said):
        """Say nothing."""


@pytest.fixture(scope="module")
def browser():
    """Start a browser; without one skip, or fail where CONVBENCH_REQUIRE_BROWSER=1."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        why = f"none of {', '.join(NAMES)} is installed"
        if os.environ.get("CONVBENCH_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{why}, and CONVBENCH_REQUIRE_BROWSER=1 wants these tests run")
        pytest.skip(why)
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=path, args=list(FLAGS))
        yield found
        found.close()


@pytest.fixture(scope="module")
def address(build):
    """Serve the site on this machine."""
    handler = functools.partial(Quiet, directory=str(build[0]))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Visit:
    """A page that is looked at, and what went wrong."""

    def __init__(self, browser, width, scheme):
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        self.page = self.context.new_page()
        self.problems, self.requests = [], []
        self.page.on("console", lambda m: self.problems.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda e: self.problems.append(f"error: {e}"))
        self.page.on("request", lambda r: self.requests.append(r.url))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_pages_load_quietly_and_fit(width, scheme, browser, address):
    with Visit(browser, width, scheme) as visit:
        for name in PAGES:
            visit.page.goto(f"{address}/{name}", wait_until="networkidle")
            wide = visit.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, name
            assert visit.page.locator("h1").is_visible()
            assert visit.page.evaluate(CUT) == [], f"{name}: words that a drawing cuts off"
            for drawing in visit.page.locator("svg.cb-drawing").all():
                box = drawing.bounding_box()
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= width
                assert box["width"] > 60, "a drawing that is squeezed to nothing"
        assert visit.problems == []
        assert not [url for url in visit.requests if not url.startswith(address)]


def test_drawings_follow_the_scheme(browser, address):
    colours = []
    for scheme in ("light", "dark"):
        with Visit(browser, 1440, scheme) as visit:
            visit.page.goto(f"{address}/types/lite.html", wait_until="networkidle")
            text = visit.page.locator("svg.cb-drawing text").first
            bar = visit.page.locator('svg.cb-drawing rect[fill*="--cb-count"]').first
            colours.append(
                (
                    text.evaluate("e => getComputedStyle(e).fill"),
                    bar.evaluate("e => getComputedStyle(e).fill"),
                )
            )
    (light_text, light_bar), (dark_text, dark_bar) = colours
    assert light_text != dark_text
    assert light_bar != dark_bar


def test_the_search_finds_without_a_network(browser, address):
    with Visit(browser, 1440, "light") as visit:
        visit.page.goto(f"{address}/index.html", wait_until="networkidle")
        visit.page.keyboard.press("f")
        visit.page.keyboard.type("checkerboard")
        hit = visit.page.locator('.md-search-result__link[href*="types/transposed.html"]').first
        hit.wait_for(state="attached")
        assert visit.problems == []
        assert not [url for url in visit.requests if not url.startswith(address)]


def test_pages_open_from_files_too(browser, build):
    with Visit(browser, 1440, "light") as visit:
        visit.page.goto((build[0] / "types/lite.html").as_uri())
        visit.page.locator("text=Networks").first.click()
        visit.page.wait_for_url("**/networks.html")
        assert visit.problems == []
        assert not [url for url in visit.requests if not url.startswith("file:")]
