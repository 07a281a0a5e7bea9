"""The page in a real headless Chromium, as seen: at two widths, light and dark, and on paper."""

import pytest
from report.html.browser import RATIOS, SCATTER, VIEWS, check, chromium, opened
from report.html.html_pages import AWKWARD


def test_it_loads_without_messages_errors_or_requests(every, folder):
    assert every.problems == []
    assert every.requests == [(folder / "committed.html").as_uri()]
    assert every.page.locator(".plot .main-svg").count() >= 8


def test_the_first_screen_answers_the_four_questions(both):
    cards = both.page.locator(".card")
    assert cards.locator("h3").all_inner_texts() == [
        "Cheapest full replacement", "Fastest full replacement",
        "depthwise_separable against standard", "How sure", "Try next",
    ]  # fmt: skip
    answers = cards.locator(".answer")
    for index in range(5):
        box = cards.nth(index).bounding_box()
        assert box["y"] + box["height"] <= both.height
        assert answers.nth(index).inner_text()
    text = cards.nth(1).locator(".text")
    assert text.inner_text().startswith("shufflenet_unit (fewer channels inside) takes 2")
    assert both.page.locator(".scope").bounding_box()["y"] < 200


@pytest.mark.parametrize("view", VIEWS[::2], ids=["1440", "390"])
def test_so_do_those_of_a_run_on_a_busy_machine(pages, view):
    one = pages("noisy", view)
    answers = one.page.locator(".card .answer")
    assert answers.count() == 4
    for answer in answers.all():
        box = answer.bounding_box()
        assert box["y"] + box["height"] <= one.height
    assert check(one, "collisions") == []
    assert check(one, "overflowing") == []


def test_nothing_sticks_out_of_the_page(every):
    assert every.page.evaluate("document.documentElement.scrollWidth") <= every.width
    assert check(every, "overflowing") == []


def test_text_is_readable_against_what_is_behind_it(every):
    folds = "(open) => { for (const e of document.querySelectorAll('details')) e.open = open; }"
    every.page.evaluate(folds, True)
    result = check(every, "faint")
    every.page.evaluate(folds, False)
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
    more = card.get_by_role("button", name="More: Fastest full replacement")
    more.click()
    assert more.get_attribute("aria-expanded") == "true"
    assert card.bounding_box()["height"] > before
    more.click()
    assert card.bounding_box()["height"] == before
    assert not pages("committed").page.locator(".more").first.is_visible()


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


@pytest.mark.parametrize("view", [VIEWS[1], VIEWS[3]], ids=["1440", "390"])
def test_paper_is_light_has_everything_and_no_controls(pages, view):
    one = pages("committed", view)
    page = one.page
    page.get_by_role("button", name="ghost", exact=True).click()
    page.emulate_media(media="print", color_scheme="light")
    try:
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        for gone in (".bar", "nav", ".tools", ".more-rows", ".more", ".save", ".skip"):
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


@pytest.mark.parametrize("width", [1440, 768, 390])
def test_case_time_ratio_and_verdict_are_seen_without_scrolling(browser, folder, width):
    with opened(browser, folder / "merged.html", width, 900, "light") as one:
        one.page.wait_for_selector("html[data-ready]")
        for fold in one.page.locator("details summary").all():
            fold.click()
        tables = one.page.locator("table")
        assert tables.count() > 5
        for index in range(tables.count()):
            seen = check(one, "seen", index)
            wanted = {"case", "time of a call", "time ÷ baseline", "verdict"}
            assert wanted <= set(seen), (index, seen)
        assert check(one, "overflowing") == []
        assert one.problems == []


def test_hidden_columns_come_back_when_asked_and_what_is_given_up_stays(browser, folder):
    with opened(browser, folder / "merged.html", 390, 844, "light") as one:
        one.page.wait_for_selector("html[data-ready]")
        heads = one.page.locator("table").first.locator("thead th")
        shown = "all => all.filter(e => e.checkVisibility()).length"
        few = heads.evaluate_all(shown)
        below = (
            "getComputedStyle(document.querySelector('[data-folded=\"mixes no channels\"]'),"
            " '::after').content"
        )
        assert one.page.evaluate(below) == '"mixes no channels"'
        more = one.page.get_by_role("button", name=f"Show {heads.count() - few} more columns").first
        more.click()
        assert heads.evaluate_all(shown) == heads.count() > few
        assert one.page.evaluate(below) == "none"
        one.page.get_by_role("button", name="Show fewer columns").click()
        assert heads.evaluate_all(shown) == few
        # nothing is hidden that has room
        one.page.set_viewport_size({"width": 2400, "height": 900})
        one.page.wait_for_function(
            "few => [...document.querySelectorAll('table')[0].tHead.rows[0].cells]"
            ".filter(e => e.checkVisibility()).length > few",
            arg=few,
        )


def test_a_figure_in_a_fold_is_drawn_when_that_opens_with_its_names_whole(browser, folder):
    with opened(browser, folder / "merged.html", 390, 844, "light") as one:
        one.page.wait_for_selector("html[data-ready]")
        plot = one.page.locator("details .plot").first
        name = plot.get_attribute("data-chart")
        assert check(one, "opacities", name) == []
        one.page.locator(".chip").first.click()
        for summary in one.page.locator("summary").all():
            summary.click()
        plot.locator(".main-svg").first.wait_for()
        assert check(one, "opacities", name)
        assert check(one, "collisions") == []
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
            page.locator("summary", has_text="Environment").click()
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


def test_who_wants_less_motion_gets_none(wide):
    scroll = "getComputedStyle(document.documentElement).scrollBehavior"
    wide.page.emulate_media(reduced_motion="reduce")
    assert wide.page.evaluate(scroll) == "auto"
    moving = wide.page.locator("*").evaluate_all(
        "all => all.filter(e => getComputedStyle(e).transitionDuration !== '0s').length"
    )
    assert moving == 0
    wide.page.emulate_media(reduced_motion="no-preference")


@pytest.mark.parametrize("wanted", [False, True])
def test_without_a_browser_these_tests_are_skipped_or_fail_where_it_is_required(
    monkeypatch, wanted
):
    monkeypatch.setenv("CONVBENCH_REQUIRE_BROWSER", "1" if wanted else "")
    monkeypatch.setattr("report.html.browser.shutil.which", lambda name: None)
    outcome = pytest.fail.Exception if wanted else pytest.skip.Exception
    with pytest.raises(outcome, match="none of chromium"), chromium():
        pass
