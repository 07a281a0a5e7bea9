"""`convbench probe`: what it prints and keeps, and what cannot be probed."""

import json

import pytest


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "convbench"


def test_the_command_keeps_what_it_measured_and_a_second_one_only_improves_it(convbench, cache):
    first = json.loads(convbench("probe", "--budget", "1.1", "--threads", "1", "--json").stdout)
    (file,) = cache.glob("probe-*.json")
    assert json.loads(file.read_text()) == first
    shown = convbench("probe", "--budget", "1.1", "--threads", "1").stdout
    assert "cpu, float32, 1 thread" in shown
    assert file.name in shown.replace("\n", "")
    (before,), (after,) = first["ceilings"], json.loads(file.read_text())["ceilings"]
    assert after["multiplications_per_second"] >= before["multiplications_per_second"]
    assert after["convolution_seconds"] <= before["convolution_seconds"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--budget", "0.1"], "--budget 0.1: 18 rates are looked for"),
        (["--dtype", "float31"], "--dtype 'float31' is not known: give float32"),
        (["--dtype", ","], "--dtype is empty"),
        (["--dtype", "tf32", "--device", "cpu"], "TF32 is a number format of NVIDIA GPUs"),
        (["--threads", "9999"], "this machine's cores"),
    ],
)
def test_what_cannot_be_probed_is_one_message(convbench, words, said):
    assert said in convbench("probe", *words, code=2).stderr


def test_a_folder_that_cannot_be_written_is_said(monkeypatch, convbench, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    ended = convbench("probe", "--budget", "1.1", "--threads", "1", code=2)
    assert "set XDG_CACHE_HOME to another" in ended.stderr
