"""The README's examples run, and its excerpt is what the committed report says."""

import doctest
import re
import subprocess
import sys

from conftest_root import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_the_python_session_gives_what_it_says(monkeypatch):
    monkeypatch.chdir(ROOT)
    sessions = [block for block in blocks("python") if ">>>" in block]
    assert sessions
    parser = doctest.DocTestParser()
    for block in sessions:
        runner = doctest.DocTestRunner()
        runner.run(parser.get_doctest(block, {}, "README.md", "README.md", 0))
        assert runner.summarize().attempted > 5
        assert runner.summarize().failed == 0


def test_the_type_to_begin_with_keeps_the_contract(tmp_path):
    """In a process of its own, so that the registry here stays as it is."""
    (code,) = [block for block in blocks("python") if "@register" in block]
    (tmp_path / "my_type.py").write_text(code)
    check = (
        "from convbench.plugins import load_plugin\n"
        "load_plugin('my_type.py')\n"
        "from convbench.testing import check_conv\n"
        "assert check_conv('my_type', examples=20)['slots'] == 20\n"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    subprocess.run([sys.executable, "-c", check], cwd=tmp_path, env=environment, check=True)


def test_every_command_of_the_readme_is_one(monkeypatch, capsys, tmp_path):
    """Each `convbench …` line parses: run as a dry run where it would measure."""
    import shlex

    from convbench.cli import main

    lines = [
        line
        for block in blocks("sh")
        for line in block.splitlines()
        if line.startswith("convbench")
    ]
    assert len(lines) > 5
    monkeypatch.chdir(ROOT)
    for line in lines:
        words = shlex.split(line, comments=True)
        if "--resume" in words or "mypackage" in line:
            continue  # tests/cli resumes runs and profiles factories; here there is nothing to
        if words[1] == "run" and "--dry-run" not in words:
            words.append("--dry-run")
        if words[1] == "report":
            monkeypatch.chdir(tmp_path)
            (tmp_path / "reports").mkdir()
            import shutil

            shutil.copytree(ROOT / "reports/cpu-quick", tmp_path / "reports/cpu-quick")
        monkeypatch.setattr(sys, "argv", words)
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        assert status == 0, f"{line}: {capsys.readouterr().err}"
        monkeypatch.chdir(ROOT)


def test_the_excerpt_is_the_committed_reports():
    excerpt = re.search(r"<!-- excerpt -->\n(.*?)<!-- /excerpt -->", README, flags=re.DOTALL)
    report = (ROOT / "reports/cpu-quick/report.md").read_text(encoding="utf-8")
    quoted = [line[2:] for line in excerpt[1].splitlines() if line.startswith("> ") and line[2:]]
    assert len(quoted) >= 4
    for line in quoted:
        assert line in report


def test_the_committed_report_is_what_the_run_gives(tmp_path):
    """Rendered again from disk, the same bytes (but for figures, which depend on the fonts)."""
    from convbench import load_run
    from convbench.report.write import write_report

    folder = ROOT / "reports/cpu-quick"
    for path in write_report(load_run(folder), tmp_path, ("markdown", "csv")):
        if path.suffix != ".png":
            assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes(), path


def test_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
