"""The site builds strictly, every type has its page, and the pages are whole."""

import re
from html.parser import HTMLParser

import pytest
from conftest_root import ROOT
from convbench_docs import sections

from convbench.convs.base import TYPES, make

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Pieces(HTMLParser):
    """What a page is made of, as far as the tests ask."""

    def __init__(self, text):
        super().__init__()
        self.headings, self.images, self.fetched, self.drawings = 0, [], [], 0
        self.titled, self.ids, self.open = 0, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "h1":
            self.headings += 1
        elif tag == "img":
            self.images.append(found.get("alt"))
        elif tag == "svg" and found.get("role") == "img":
            self.drawings += 1
        elif tag == "desc":
            self.titled += 1
        if tag in {"script", "img", "iframe", "source"} and "src" in found:
            self.fetched.append(found["src"])
        if tag == "link" and found.get("rel") in {"stylesheet", "preload", "icon", "preconnect"}:
            self.fetched.append(found["href"])


def pages(site):
    return {path.relative_to(site).as_posix(): path for path in sorted(site.rglob("*.html"))}


def text_of(path):
    return path.read_text(encoding="utf-8")


def test_the_build_is_strict_and_says_nothing(build):
    site, log = build
    assert log.startswith("0\n"), log
    assert "WARNING" not in log
    assert "ERROR" not in log
    assert {"index.html", "method.html", "types/index.html", "search/search_index.json"} <= {
        path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()
    }


def test_every_page_is_whole(build):
    """One heading of the first level, words for every image, nothing fetched from elsewhere."""
    site, _ = build
    assert len(pages(site)) > 30
    for name, path in pages(site).items():
        text = text_of(path)
        found = Pieces(text)
        if name != "404.html":
            assert found.headings == 1, name
        assert all(found.images), f"{name}: an image without words"
        assert found.titled == found.drawings, f"{name}: a drawing without words"
        assert not [url for url in found.fetched if re.match(r"(\w+:)?//", url)], name
        assert len(found.ids) == len(set(found.ids)), f"{name}: an id twice"
        assert "[[=" not in text, f"{name}: an expression that was not filled"
        assert not re.search(r" at 0x[0-9a-f]{6}", text), f"{name}: an address of this one build"
        assert not re.search(r"@import|url\((?![\"']?(data:|\.\./|#))", text), name


@pytest.mark.parametrize("name", list(TYPES))
def test_every_type_has_its_page_with_the_numbers_of_the_code(name, build):
    site, _ = build
    kind = make(name)
    spec = sections.slot_for(kind)
    text = text_of(site / f"types/{name}.html")
    for heading in ("What is connected to what", "What happens", "Formula", "Worked example"):
        assert f">{heading}<" in text
    assert Pieces(text).drawings == (4 if kind.upsamples else 3)
    cost = kind.cost(spec)
    for number in (cost.multiplications, cost.parameters, cost.reads, cost.peak_live):
        assert f"{number:,}" in text, number
    assert "<math" in text
    assert kind.paper.split(",")[0].split(" (")[0] in text
    assert f"types/{name}.html" in text_of(site / "index.html")
    assert f'href="{name}.html"' in text_of(site / "types/index.html")


def test_a_broken_link_a_missing_anchor_and_a_page_out_of_reach_stop_the_build(tmp_path):
    """What makes the build strict is in mkdocs.yml, and a page with each fault shows that."""
    import shutil
    import subprocess
    import sys

    import yaml

    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    plain = yaml.safe_load(config)
    plain["nav"] = ["index.md"]
    plain.pop("hooks")
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(plain))
    shutil.copytree(ROOT / "docs/stylesheets", tmp_path / "docs/stylesheets")
    (tmp_path / "docs/index.md").write_text("# One\n\n[a](no.md) [b](#nowhere)\n")
    (tmp_path / "docs/lost.md").write_text("# Lost\n")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "'no.md'" in said
    assert "'#nowhere'" in said
    assert "lost.md" in said
    assert "Aborted with 3 warnings" in said
