"""What is added is one file: the lists, a run, its report and the contract know it."""

import json

from plugin_text import NETWORK, PLUGIN

TIMING = 'name = "s"\n[timing]\nprocesses = 1\nself_check = 0\n'
SLOT = '[[slots]]\nin_channels = 3\nout_channels = 8\ninput_size = "7x7"\nkernel_size = 3\n'
GIVES_UP = """
    @property
    def caveat(self):
        from convbench.convs.base import Caveat
        return Caveat("reads half the news", less=True)

    def plan(self, spec):"""


def records(folder):
    rows = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    return [row for row in rows if "case" in row]


def test_a_type_is_one_file(convbench, tmp_path):
    (tmp_path / "doubled.py").write_text(PLUGIN.replace("\n    def plan(self, spec):", GIVES_UP))
    plugin = ("--plugin", "doubled.py")
    assert "doubled" in convbench(*plugin, "list", "types").stdout
    assert "86,400" in convbench(*plugin, "explain", "doubled").stdout
    (tmp_path / "s.toml").write_text(f'{TIMING}{SLOT}types = "all"\n')
    convbench(*plugin, "run", "--suite", "s.toml", "--only", "doubled", "--out", "o", "--quiet")
    found = records(tmp_path / "o")
    assert {record["name"] for record in found} == {"standard", "doubled"}
    assert all(record["samples"] for record in found)
    assert {record["caveat"]["text"] for record in found} == {"", "reads half the news"}
    convbench("report", "o")  # where the plugin is not known
    assert "reads half the news" in (tmp_path / "o" / "report.md").read_text()
    (tmp_path / "checked.py").write_text(
        "from convbench.testing import check_conv\n"
        "assert check_conv('doubled', examples=20)['slots'] == 20\n"
    )
    convbench("--plugin", "doubled.py", "--plugin", "checked.py", "list", "types")


def test_a_network_is_one_file_and_joins_a_suite_that_names_it(convbench, tmp_path):
    (tmp_path / "tiny.py").write_text(NETWORK)
    plugin = ("--plugin", "tiny.py")
    assert "221,184" in convbench(*plugin, "list", "networks").stdout
    (tmp_path / "s.toml").write_text(
        f'{TIMING}[[networks]]\nnames = ["tiny_4", "tiny_8"]\ninput_size = "32x32"\n'
    )
    convbench(*plugin, "run", "--suite", "s.toml", "--out", "o", "--quiet")
    small, large = records(tmp_path / "o")
    assert [small["cost"]["multiplications"], large["cost"]["multiplications"]] == [110592, 221184]
    assert small["baseline"] == large["baseline"] == large["case"]
    assert small["samples"]
    page = (tmp_path / "o" / "report.md").read_text()
    # where all is busy its times are rightly not believed, and no sentence compares the two
    rows = [line for line in page.splitlines() if line.startswith("| tiny_")]
    assert any("tiny_4" in row and "110,592" in row for row in rows)
    assert any("tiny_8" in row and "221,184" in row for row in rows)


def test_all_networks_are_those_that_declare_it(convbench, tmp_path):
    (tmp_path / "tiny.py").write_text(NETWORK)
    declared = NETWORK.replace(
        "    input_size = (32, 32)\n", "    input_size = (32, 32)\n    in_all = True\n"
    )
    (tmp_path / "joining.py").write_text(declared)
    (tmp_path / "s.toml").write_text('name = "s"\n[[networks]]\nnames = "all"\n')
    dry = ("run", "--suite", "s.toml", "--dry-run")
    alone = convbench(*dry).stdout
    assert "osnet_x0_25: measure" in alone
    assert convbench("--plugin", "tiny.py", *dry).stdout == alone
    joined = convbench("--plugin", "joining.py", *dry).stdout
    assert "osnet_x0_25: measure" in joined
    assert "tiny_4: measure" in joined
