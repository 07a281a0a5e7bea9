"""The page in a real headless Chromium, as used: sorting, filtering, pointing, following."""

import json
import re
from pathlib import Path

import pytest
from report.html.browser import RATIOS, SCATTER, VIEWS, check, point_at


def opened(one, selector):
    """Open the fold that holds an element."""
    one.page.evaluate("s => { document.querySelector(s).closest('details').open = true }", selector)


def test_columns_sort_by_their_raw_values(wide):
    wide.page.evaluate("document.querySelector('[data-table=counts] table').id = 'sorted-by-click'")
    opened(wide, "#sorted-by-click")
    head = wide.page.locator("#sorted-by-click thead th").nth(2)
    assert head.inner_text().startswith("elementwise")
    before = check(wide, "column", ["#sorted-by-click", 0])
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    shown = check(wide, "column", ["#sorted-by-click", 3])
    wide.page.locator("#sorted-by-click thead th").nth(3).get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "none"
    shown = check(wide, "column", ["#sorted-by-click", 3])
    # as text "104 kB" would come before "15.6 kB", and "21.1 MB" before "4.83 MB"
    assert shown[0] == "1.61 MB"
    assert shown[-2:] == ["5.22 MB", "21.1 MB"]
    wide.page.locator("#sorted-by-click thead th").nth(3).get_by_role("button").click()
    assert check(wide, "column", ["#sorted-by-click", 3])[0] == "21.1 MB"
    wide.page.locator("#sorted-by-click thead th").nth(3).get_by_role("button").click()
    assert check(wide, "column", ["#sorted-by-click", 0]) == before


def test_sorting_works_from_the_keyboard_and_leaves_gaps_last(wide):
    wide.page.evaluate("document.querySelector('[data-table=overview] table').id = 'gaps'")
    head = wide.page.locator("#gaps thead th").nth(3)
    button = head.get_by_role("button")
    button.focus()
    wide.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    up = check(wide, "column", ["#gaps", 3])
    wide.page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"
    down = check(wide, "column", ["#gaps", 3])
    told = [text for text in up if text != "–"]
    assert told, "there is something to sort"
    assert [float(text.split()[0]) for text in told] == sorted(float(t.split()[0]) for t in told)
    gaps = ["–"] * (len(up) - len(told))
    assert (up, down) == ([*told, *gaps], [*told[::-1], *gaps])
    assert button.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    wide.page.keyboard.press("Enter")


def says(one, status, text):
    """Wait until an element says what it should."""
    one.page.wait_for_function(
        "([e, text]) => e.textContent === text", arg=[status.element_handle(), text]
    )


def test_a_table_is_filtered_and_says_how_many_rows_it_shows(wide):
    opened(wide, "[data-table=environment]")
    grid = wide.page.locator("[data-table=environment]")
    number = grid.locator("tbody tr").count()
    status = grid.get_by_role("status")
    assert status.inner_text() == f"15 of {number} rows"
    grid.get_by_role("button", name=f"Show all {number} rows").click()
    assert status.inner_text() == f"{number} of {number} rows"
    field = grid.get_by_role("searchbox")
    field.fill("CACHE 32768")
    says(wide, status, f"1 of {number} rows")
    wide.page.evaluate("document.querySelector('[data-table=environment] table').id = 'filtered'")
    assert check(wide, "column", ["#filtered", 0]) == ["cache_l3_kib"]
    field.fill("")
    says(wide, status, f"{number} of {number} rows")
    grid.get_by_role("button", name="Show fewer rows").click()
    assert status.inner_text() == f"15 of {number} rows"


def test_a_pointer_at_a_mark_shows_the_case_and_all_its_numbers(both):
    tip = point_at(both, SCATTER, "shufflenet_unit")
    assert tip.locator(".tip-title").inner_text() == "shufflenet_unit"
    text = tip.inner_text()
    for number in (
        "3,662,848",
        r"2\d\d µs",
        r"0\.2\d+ \(0\.2\d+–0\.2\d*\)",
        r"5\.22 MB",
        "1,168",
    ):
        assert re.search(number, text), number
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
        (RATIOS, "lite", r"0\.3\d\d( \(.*\))?.*, faster"),
        ("networks-by-width", "osnet_x0_5", "1[0-9][.]. ms ±\\d+ %, 95 % interval"),
        (
            "separable-against-its-curve",
            "depthwise_separable ÷ standard, N = 128, |K| = 9",
            "5[.][0-9]",
        ),
    ],
)
def test_so_does_a_pointer_in_the_other_figures(wide, chart, title, number):
    tip = point_at(wide, chart, title)
    assert tip.locator(".tip-title").inner_text() == title
    assert re.search(number, tip.inner_text())


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
    wide.page.locator("[data-table=results] tr", has_text="flattened").first.locator(
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
    assert page.locator(":focus").get_attribute("id") == "all-names"
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("id") == "theme"
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("href").startswith("#")


def test_the_skip_link_leads_to_the_report(wide):
    wide.page.locator(".skip").focus()
    wide.page.keyboard.press("Enter")
    assert wide.page.evaluate("document.activeElement.id") == "main"
    wide.page.evaluate("history.replaceState(null, '', location.pathname)")


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


def test_the_strip_of_names_says_that_it_goes_on_and_shows_all_when_asked(both):
    strip, all_names = both.page.locator(".follow"), both.page.locator("#all-names")
    chips = both.page.locator(".chip")
    assert all_names.inner_text() == f"All {chips.count()}"
    cut = "e => [...e.classList].filter(name => name.startsWith('more-')).sort().join(' ')"
    strip.evaluate("e => { e.scrollLeft = 0; }")
    both.page.wait_for_function("() => !document.querySelector('.more-left')")
    assert strip.evaluate(cut) == "more-right"
    strip.evaluate("e => { e.scrollLeft = 60; }")
    both.page.wait_for_function("() => document.querySelector('.more-left')")
    assert strip.evaluate(cut) == "more-left more-right"
    all_names.click()
    assert all_names.get_attribute("aria-expanded") == "true"
    assert strip.evaluate(cut) == ""
    assert strip.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert check(both, "overflowing") == []
    all_names.click()
    assert all_names.inner_text() == f"All {chips.count()}"
    assert strip.bounding_box()["height"] < 60


@pytest.mark.parametrize("form", ["SVG", "PNG"])
def test_a_figure_is_saved_light_and_whole_whatever_the_page_is(pages, form):
    one = pages("committed", VIEWS[3])
    figure = one.page.locator("figure", has=one.page.locator(f"[data-chart='{SCATTER}']"))
    button = figure.get_by_role("button", name=f"Save as {form}: Log-log scatter")
    assert button.inner_text() == form
    with one.page.expect_download() as saved:
        button.click()
    assert saved.value.suggested_filename == f"{SCATTER}.{form.lower()}"
    data = Path(saved.value.path()).read_bytes()
    one.requests[:] = [r for r in one.requests if not r.startswith("blob:")]  # not of the network
    if form == "PNG":
        assert data.startswith(b"\x89PNG")
        assert int.from_bytes(data[16:20]) == 1800
        return
    text = data.decode()
    assert 'width="900"' in text
    assert "fill: rgb(255, 255, 255)" in text
    for name in ("depthwise_separable", "multiplications (1 MAC = 1 multiplication)"):
        assert re.search(f">{re.escape(name)}<", text)


def test_the_table_of_all_cases_can_be_saved(wide):
    with wide.page.expect_download() as saved:
        wide.page.locator("a[download='cases.csv']").click()
    assert saved.value.suggested_filename == "cases.csv"
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert text.startswith("case,group,slot,")
    assert len(text.splitlines()) == 50
