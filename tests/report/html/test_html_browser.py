"""The page in a real headless Chromium: at two widths, light and dark, and on paper."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from report.html.browser import chromium, opened
from report.html.html_pages import AWKWARD, html

CHECKS = (Path(__file__).parent / "checks.js").read_text(encoding="utf-8")
VIEWS = ((1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light"), (390, 844, "dark"))
SCATTER = "time-against-multiplications-1"
RATIOS = "promise-and-clock-1"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("pages")
    for name in ("committed", "awkward", "folded"):
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


def check(one, name, *arguments):
    return one.page.evaluate(f"(given) => {CHECKS}.{name}(given)", *arguments)


def point_at(one, chart, title):
    x, y = check(one, "place", [chart, title])
    one.page.mouse.move(x, y, steps=3)
    one.page.wait_for_selector("#tip:not([hidden])")
    return one.page.locator("#tip")


def test_it_loads_without_messages_errors_or_requests(every, folder):
    assert every.problems == []
    assert every.requests == [(folder / "committed.html").as_uri()]
    assert every.page.locator(".plot .main-svg").count() >= 8


def test_the_first_screen_answers_the_four_questions(both):
    cards = both.page.locator(".card")
    assert cards.locator("h3").all_inner_texts() == [
        "Cheapest by count", "Fastest here", "How sure", "Try next",
    ]  # fmt: skip
    answers = cards.locator(".answer")
    for index in range(4):
        box = cards.nth(index).bounding_box()
        assert box["y"] + box["height"] <= both.height
        assert answers.nth(index).inner_text()
    text = cards.nth(1).locator(".text")
    assert "424 µs (176–1,018)" in text.inner_text()
    assert both.page.locator(".scope").bounding_box()["y"] < 200


def test_nothing_sticks_out_of_the_page(every):
    assert every.page.evaluate("document.documentElement.scrollWidth") <= every.width
    assert check(every, "overflowing") == []


def test_text_is_readable_against_what_is_behind_it(every):
    result = check(every, "faint")
    assert result["seen"] > 500
    assert result["found"] == []


def test_texts_of_figures_are_apart(both):
    assert check(both, "collisions") == []


def test_the_page_has_the_colours_that_the_system_asks_for(every):
    ground = every.page.evaluate("getComputedStyle(document.body).backgroundColor")
    dark = every.scheme == "dark"
    assert (ground != "rgb(255, 255, 255)") == dark
    tick = every.page.locator(".xtick text").first
    assert (tick.evaluate("e => getComputedStyle(e).fill") == "rgb(36, 41, 47)") != dark


def test_a_card_on_a_phone_shows_the_rest_when_asked(pages):
    one = pages("committed", VIEWS[2])
    card = one.page.locator(".card").nth(1)
    before = card.bounding_box()["height"]
    more = card.get_by_role("button", name="More: Fastest here")
    more.click()
    assert more.get_attribute("aria-expanded") == "true"
    assert card.bounding_box()["height"] > before
    more.click()
    assert card.bounding_box()["height"] == before
    assert not pages("committed").page.locator(".more").first.is_visible()


def test_columns_sort_by_their_raw_values(wide):
    wide.page.evaluate(
        "document.querySelectorAll('[data-table=cost] table')[1].id = 'sorted-by-click'"
    )
    head = wide.page.locator("#sorted-by-click thead th").nth(5)
    assert head.inner_text().startswith("elementwise")
    before = check(wide, "column", ["#sorted-by-click", 0])
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    shown = check(wide, "column", ["#sorted-by-click", 6])
    wide.page.locator("#sorted-by-click thead th").nth(6).get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "none"
    shown = check(wide, "column", ["#sorted-by-click", 6])
    # as text "104 kB" would come before "15.6 kB", and "21.1 MB" before "4.83 MB"
    assert shown[0] == "1.61 MB"
    assert shown[-2:] == ["5.22 MB", "21.1 MB"]
    wide.page.locator("#sorted-by-click thead th").nth(6).get_by_role("button").click()
    assert check(wide, "column", ["#sorted-by-click", 6])[0] == "21.1 MB"
    wide.page.locator("#sorted-by-click thead th").nth(6).get_by_role("button").click()
    assert check(wide, "column", ["#sorted-by-click", 0]) == before


def test_sorting_works_from_the_keyboard_and_leaves_gaps_last(wide):
    wide.page.evaluate("document.querySelector('[data-table=overview] table').id = 'gaps'")
    head = wide.page.locator("#gaps thead th").nth(4)
    button = head.get_by_role("button")
    button.focus()
    wide.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    up = check(wide, "column", ["#gaps", 4])
    wide.page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"
    down = check(wide, "column", ["#gaps", 4])
    assert up == ["0.340 (0.308–0.373)", "0.972 (0.936–0.998)", "–"]
    assert down == ["0.972 (0.936–0.998)", "0.340 (0.308–0.373)", "–"]
    assert button.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    wide.page.keyboard.press("Enter")


def says(one, status, text):
    """Wait until an element says what it should."""
    one.page.wait_for_function(
        "([e, text]) => e.textContent === text", arg=[status.element_handle(), text]
    )


def test_a_table_is_filtered_and_says_how_many_rows_it_shows(wide):
    grid = wide.page.locator("[data-table=agreement]")
    status = grid.get_by_role("status")
    assert status.inner_text() == "15 of 36 rows"
    grid.get_by_role("button", name="Show all 36 rows").click()
    assert status.inner_text() == "36 of 36 rows"
    field = grid.get_by_role("searchbox")
    field.fill("56×56 Depthwise")
    wide.page.wait_for_function(
        "e => e.textContent === '2 of 36 rows'", arg=status.element_handle()
    )
    wide.page.evaluate("document.querySelector('[data-table=agreement] table').id = 'filtered'")
    assert check(wide, "column", ["#filtered", 1]) == ["depthwise", "depthwise_separable"]
    field.fill("")
    wide.page.wait_for_function(
        "e => e.textContent === '36 of 36 rows'", arg=status.element_handle()
    )
    grid.get_by_role("button", name="Show fewer rows").click()
    assert status.inner_text() == "15 of 36 rows"


def test_a_pointer_at_a_mark_shows_the_case_and_all_its_numbers(both):
    tip = point_at(both, SCATTER, "shufflenet_unit")
    assert tip.locator(".tip-title").inner_text() == "shufflenet_unit"
    text = tip.inner_text()
    for number in ("3,662,848", "435 µs (154–1,231), 95 % interval", "0.347 (0.303–0.405)",
                   "5.22 MB", "1,168"):  # fmt: skip
        assert number in text
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= both.width
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= both.height
    both.page.mouse.move(1, 1)
    both.page.wait_for_selector("#tip", state="hidden")


@pytest.mark.parametrize(
    ("chart", "title", "number"),
    [
        (RATIOS, "lite", "0.416 (0.273–0.615), 95 % interval, faster"),
        ("networks-by-width", "osnet_x0_5", "20.8 ms (19.5–22.2), 95 % interval"),
        ("separable-against-its-curve", "depthwise_separable ÷ standard, N = 128, |K| = 9", "5.76"),
    ],
)
def test_so_does_a_pointer_in_the_other_figures(wide, chart, title, number):
    tip = point_at(wide, chart, title)
    assert tip.locator(".tip-title").inner_text() == title
    assert number in tip.inner_text()


def followed_everywhere(one, label):
    """Check that what is followed stands out in every figure and table, and nothing else does."""
    names = one.page.locator(".chip").all_inner_texts()
    number = names.index(label)
    assert one.followed() == label
    for chart in one.page.locator(".plot").evaluate_all("all => all.map(e => e.dataset.chart)"):
        for name, opacity in check(one, "opacities", chart):
            assert (opacity == 1) == (name == number), chart
    rows = one.page.locator("tr.followed")
    labels = rows.evaluate_all("all => all.map(row => row.textContent)")
    assert labels
    assert all(label in text for text in labels)
    total = one.page.locator(f"tr[data-names~='{number}']").count()
    assert rows.count() == total
    assert f"Following {label}: in " in one.page.locator("#said").text_content()


def nothing_followed(one):
    assert one.followed() is None
    assert one.page.locator(".followed").count() == 0
    for chart in one.page.locator(".plot").evaluate_all("all => all.map(e => e.dataset.chart)"):
        assert {opacity for _, opacity in check(one, "opacities", chart)} <= {1}


def test_a_button_follows_a_type_and_escape_releases_it(both):
    nothing_followed(both)
    both.page.get_by_role("button", name="ghost", exact=True).click()
    followed_everywhere(both, "ghost")
    both.page.keyboard.press("Escape")
    nothing_followed(both)
    assert "No longer following ghost" in both.page.locator("#said").text_content()


def test_a_second_click_releases_it_too_and_another_button_changes_it(wide):
    wide.page.get_by_role("button", name="ghost", exact=True).click()
    wide.page.get_by_role("button", name="lite", exact=True).click()
    followed_everywhere(wide, "lite")
    wide.page.get_by_role("button", name="lite", exact=True).click()
    nothing_followed(wide)


def test_a_row_of_a_table_follows(wide):
    wide.page.locator("[data-table=ratios] tr", has_text="flattened").last.locator(
        "td"
    ).first.click()
    followed_everywhere(wide, "flattened")


def test_a_mark_of_a_figure_and_its_name_follow(wide):
    x, y = check(wide, "place", [SCATTER, "inverted_residual"])
    wide.page.mouse.click(x, y)
    followed_everywhere(wide, "inverted_residual")
    wide.release()
    plot = wide.page.locator(f"[data-chart='{SCATTER}']")
    plot.locator(".annotation-text", has_text="partial").click(force=True)
    assert wide.followed() == "partial"


def test_a_network_is_followed_as_well(wide):
    x, y = check(wide, "place", ["networks-by-width", "osnet_x0_75"])
    wide.page.mouse.click(x, y)
    followed_everywhere(wide, "osnet_x0_75")


def test_the_keyboard_reaches_everything_and_shows_where_it_is(wide):
    page = wide.page
    page.reload()
    page.wait_for_selector("html[data-ready]")
    wide.requests.pop()
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.inner_text() == "Skip to the report"
    assert skip.bounding_box()["y"] >= 0
    assert skip.bounding_box()["width"] > 50
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("class") == "chip"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    focused = page.locator(":focus")
    assert focused.inner_text() == page.locator(".chip").nth(1).inner_text()
    assert focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert wide.followed() == focused.inner_text()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("id") == "theme"
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("href").startswith("#")


def test_the_skip_link_leads_to_the_report(wide):
    wide.page.locator(".skip").focus()
    wide.page.keyboard.press("Enter")
    assert wide.page.evaluate("document.activeElement.id") == "main"
    wide.page.evaluate("history.replaceState(null, '', location.pathname)")


def test_the_toggle_changes_page_and_figures_and_is_kept(both):
    page = both.page
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = f"getComputedStyle(document.querySelector('[data-chart={RATIOS}] .xtick text')).fill"
    mark = f"document.querySelector('[data-chart={RATIOS}]').data[1].marker.line.color"
    before = [page.evaluate(what) for what in (ground, ink, mark)]
    page.locator("#theme").click()
    after = [page.evaluate(what) for what in (ground, ink, mark)]
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert check(both, "faint")["found"] == []
    assert page.evaluate("document.documentElement.dataset.theme") != both.scheme
    page.reload()
    page.wait_for_selector("html[data-ready]")
    both.requests.pop()
    assert [page.evaluate(what) for what in (ground, ink, mark)] == after
    page.locator("#theme").click()
    assert [page.evaluate(what) for what in (ground, ink, mark)] == before
    page.evaluate("localStorage.clear(); delete document.documentElement.dataset.theme")


def test_figures_follow_the_width_of_the_window(wide):
    size = f"document.querySelector('[data-chart={SCATTER}] .main-svg').clientWidth"
    wide_width = wide.page.evaluate(size)
    try:
        wide.page.set_viewport_size({"width": 390, "height": 844})
        wide.page.wait_for_function(f"() => {size} < 390")
        assert check(wide, "overflowing") == []
        assert check(wide, "collisions") == []
    finally:
        wide.page.set_viewport_size({"width": 1440, "height": 900})
        wide.page.wait_for_function(f"() => {size} === {wide_width}")


def test_zooming_brings_ticks_and_names_to_what_is_seen(wide):
    ticks = f"document.querySelector('[data-chart={SCATTER}]').layout.xaxis.ticktext"
    before = wide.page.evaluate(ticks)
    wide.page.evaluate(
        f"document.querySelector('[data-chart={SCATTER}]').scrollIntoView({{behavior: 'instant'}})"
    )
    box = wide.page.locator(f"[data-chart='{SCATTER}'] .nsewdrag").bounding_box()
    middle = box["y"] + box["height"] / 2
    wide.page.mouse.move(box["x"] + box["width"] * 0.6, middle)
    wide.page.mouse.down()
    wide.page.mouse.move(box["x"] + box["width"] * 0.95, middle, steps=4)
    wide.page.mouse.up()
    wide.page.wait_for_function(
        f"() => JSON.stringify({ticks}) !== {json.dumps(json.dumps(before))}"
    )
    names = wide.page.locator(f"[data-chart='{SCATTER}'] .annotation-text").all_text_contents()
    assert "standard" in names
    assert "depthwise" not in names
    assert check(wide, "collisions") == []
    wide.page.mouse.dblclick(box["x"] + 20, middle)
    wide.page.wait_for_function(f"() => {ticks}.length === {len(before)}")
    assert wide.page.evaluate(ticks) == before


@pytest.mark.parametrize("view", [VIEWS[1], VIEWS[3]], ids=["1440", "390"])
def test_paper_is_light_has_everything_and_no_controls(pages, view):
    one = pages("committed", view)
    page = one.page
    page.get_by_role("button", name="ghost", exact=True).click()
    page.emulate_media(media="print", color_scheme="light")
    try:
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        for gone in (".bar", "nav", ".tools", ".more-rows", ".more", ".skip"):
            shown = page.locator(gone).evaluate_all("all => all.filter(e => e.checkVisibility())")
            assert shown == [], gone
        rows = page.locator("tbody tr")
        assert rows.count() > 100
        assert rows.evaluate_all("all => all.every(row => row.checkVisibility())")
        texts = page.locator(".card .text").evaluate_all(
            "all => all.every(e => e.scrollHeight <= e.clientHeight + 1)"
        )
        assert texts
        widths = page.locator(".plot .main-svg").evaluate_all("all => all.map(e => e.clientWidth)")
        assert set(widths) == {660}
        assert check(one, "faint")["found"] == []
        assert check(one, "collisions") == []
    finally:
        page.emulate_media(media="screen", color_scheme=one.scheme)
    page.wait_for_function("() => document.querySelector('.main-svg').clientWidth !== 660")


def test_folds_open_on_paper_and_close_again(browser, folder):
    path = folder / "folded.html"
    with opened(browser, path, 390, 844, "light") as one:
        one.page.wait_for_selector("html[data-ready]")
        folds = one.page.locator("details")
        closed = "all => all.filter(e => !e.open).length"
        assert folds.evaluate_all(closed) == folds.count() > 5
        # by the clock: while a page is printed no frame is drawn
        none_is = "state => ![...document.querySelectorAll('details')].some(e => e.open === state)"
        one.page.emulate_media(media="print")
        one.page.wait_for_function(none_is, arg=False, polling=50)
        one.page.emulate_media(media="screen")
        one.page.wait_for_function(none_is, arg=True, polling=50)
        folds.first.locator("summary").click()
        assert folds.first.locator("table").first.is_visible()
        assert check(one, "overflowing") == []
        assert one.problems == []


def test_without_script_everything_is_there_to_read(browser, folder):
    path = folder / "committed.html"
    for width in (1440, 390):
        with opened(browser, path, width, 844, "light", java_script_enabled=False) as one:
            page = one.page
            assert page.locator("table").count() > 10
            assert not page.locator(".bar").is_visible()
            assert page.locator("header .note").is_visible()
            assert page.locator("figure .alt").first.is_visible()
            assert page.locator("[data-table=environment] tr").last.is_visible()
            text = page.locator(".card .text").nth(2)
            assert text.bounding_box()["height"] > 80
            assert page.locator("main").bounding_box()["width"] <= width
            assert one.requests == [path.as_uri()]
            assert one.problems == []


@pytest.mark.parametrize("view", [VIEWS[0], VIEWS[3]], ids=["1440-light", "390-dark"])
def test_awkward_names_are_names(pages, view):
    one = pages("awkward", view)
    assert one.page.evaluate("typeof globalThis.broken") == "undefined"
    assert one.page.locator("img").count() == 0
    chips = one.page.locator(".chip").all_text_contents()
    assert set(AWKWARD) <= set(chips)
    assert check(one, "overflowing") == []
    assert one.page.evaluate("document.documentElement.scrollWidth") <= view[0]
    # Plotly shows them letter by letter, and makes no link of one
    ticks = one.page.locator(f"[data-chart='{RATIOS}'] .ytick text").all_text_contents()
    short = view[0] == 390
    assert ("<script>alert(1)</s…" if short else "<script>alert(1)</script>") in ticks
    assert one.page.locator(".plot a").count() == 0
    assert one.page.locator(".plot text").get_by_text("bold", exact=True).count() == 0


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "<b>bold</b> <i>it</i>", "__proto__"]
)
def test_awkward_names_are_shown_and_followed(pages, name):
    one = pages("awkward")
    title = point_at(one, RATIOS, name).locator(".tip-title")
    assert title.text_content() == name
    index = one.page.locator(".chip").all_text_contents().index(name)
    one.page.locator(".chip").nth(index).click()
    assert one.followed() == name
    assert one.page.locator("tr.followed").count() > 0
    assert name in one.page.locator("#said").text_content()


def test_who_wants_less_motion_gets_none(wide):
    scroll = "getComputedStyle(document.documentElement).scrollBehavior"
    wide.page.emulate_media(reduced_motion="reduce")
    assert wide.page.evaluate(scroll) == "auto"
    moving = wide.page.locator("*").evaluate_all(
        "all => all.filter(e => getComputedStyle(e).transitionDuration !== '0s').length"
    )
    assert moving == 0
    wide.page.emulate_media(reduced_motion="no-preference")


def test_the_table_of_all_cases_can_be_saved(wide):
    with wide.page.expect_download() as saved:
        wide.page.locator("a[download='cases.csv']").click()
    assert saved.value.suggested_filename == "cases.csv"
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert text.startswith("case,group,slot,")
    assert len(text.splitlines()) == 50


@pytest.mark.parametrize("wanted", [False, True])
def test_without_a_browser_these_tests_are_skipped_or_fail_where_it_is_required(
    monkeypatch, wanted
):
    monkeypatch.setenv("CONVBENCH_REQUIRE_BROWSER", "1" if wanted else "")
    monkeypatch.setattr("report.html.browser.shutil.which", lambda name: None)
    outcome = pytest.fail.Exception if wanted else pytest.skip.Exception
    with pytest.raises(outcome, match="none of chromium"), chromium():
        pass
