"""A real headless Chromium, one for all tests of a module."""

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
VIEWS = ((1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light"), (390, 844, "dark"))
"""Width, height and scheme: a desk and a phone, by day and by night."""
SCATTER = "time-against-multiplications-1"
RATIOS = "promise-and-clock-1"
CHECKS = (Path(__file__).parent / "checks.js").read_text(encoding="utf-8")
NAMES = ("chromium", "chromium-browser", "google-chrome")


def missing(why):
    """Skip for want of a browser, or fail where one is required."""
    if os.environ.get("CONVBENCH_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{why}, and CONVBENCH_REQUIRE_BROWSER=1 wants the browser's tests run")
    pytest.skip(why)


@contextmanager
def chromium():
    """Start a browser and end it, with everything that ran for it."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing(f"none of {', '.join(NAMES)} is installed")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Opened:
    """A page in a browser and everything about it that should not be."""

    page: object
    width: int
    height: int
    scheme: str
    problems: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    def release(self):
        """Follow nothing, point at nothing, be at the top."""
        self.page.mouse.move(1, 1)
        self.page.evaluate("document.activeElement.blur()")
        self.page.keyboard.press("Escape")
        self.page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")

    def followed(self):
        """Return the text of the button that is pressed, or None."""
        pressed = self.page.locator(".chip[aria-pressed=true]")
        return pressed.inner_text() if pressed.count() else None


@contextmanager
def opened(browser, path, width, height, scheme, **more):
    """Open a file as a reader would; note messages, errors, dialogs and requests."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, **more
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    found = Opened(page, width, height, scheme)
    page.on("console", lambda m: found.problems.append(f"{m.type}: {m.text}"))
    page.on("pageerror", lambda e: found.problems.append(f"error: {e}"))
    page.on("dialog", lambda d: (found.problems.append(f"dialog: {d.message}"), d.dismiss()))
    page.on("request", lambda r: found.requests.append(r.url))
    page.goto(path.as_uri())
    try:
        yield found
    finally:
        context.close()


def check(one, name, *arguments):
    """Return what a function of checks.js says of the page."""
    return one.page.evaluate(f"(given) => {CHECKS}.{name}(given)", *arguments)


def point_at(one, chart, title):
    """Move the pointer to the mark of a case in a figure; return the label that appears."""
    x, y = check(one, "place", [chart, title])
    one.page.mouse.move(x, y, steps=3)
    one.page.wait_for_selector("#tip:not([hidden])")
    return one.page.locator("#tip")
