"""Bad input: one clear message, exit status 2, no traceback."""

import json
import shutil

import pytest

SLOT = '[[slots]]\nin_channels = 3\nout_channels = 8\ninput_size = "7x7"\nkernel_size = 3\n'

COMMANDS = [
    # what is wrong, the arguments, what the message must say
    ("unknown type", ["explain", "depthwize"], "Did you mean depthwise"),
    ("unknown suite", ["run", "--suite", "quikc"], "Did you mean quick"),
    ("missing suite file", ["run", "--suite", "no.toml"], "no.toml cannot be read"),
    ("unknown dtype", ["run", "--dtype", "float31"], "give float32"),
    ("unknown layout", ["run", "--layout", "nhwc"], "give channels_first"),
    ("unknown device", ["run", "--device", "gpu"], "give auto, cpu"),
    ("device that is not timed", ["run", "--device", "meta"], "does not time"),
    ("too many threads", ["run", "--threads", "100000"], "give 1 to"),
    ("bad regex", ["run", "--only", "("], "is no regular expression"),
    ("regex without a match", ["run", "--only", "zebra"], "matches none"),
    ("nothing to resume", ["run", "--resume", "--out", "nowhere"], "no run to resume"),
    ("no such run", ["report", "nowhere"], "not a folder"),
    ("unknown knob", ["explain", "grouped", "--knob", "group=3"], "no knob 'group'"),
    ("knob without a value", ["explain", "grouped", "--knob", "groups"], "key=value"),
    ("bad knob value", ["explain", "grouped", "--knob", "groups=many"], "whole number"),
    ("groups that do not divide", ["explain", "grouped", "--in-channels", "3"], "does not divide"),
    ("zero stride", ["explain", "standard", "--stride", "0"], "stride=0 is too small"),
    ("kernel too large", ["explain", "standard", "--kernel", "9"], "reaches over 9 elements"),
    ("bad size", ["explain", "standard", "--input", "7y7"], "is not a size"),
    ("four axes", ["explain", "standard", "--input", "2x2x2x2"], "has 4 axes"),
    ("unknown padding", ["explain", "standard", "--padding", "valid"], "is not a size"),
    ("unknown baseline", ["explain", "standard", "--vs", "stander"], "Did you mean standard"),
    ("negative channels", ["explain", "standard", "--in-channels", "-1"], "give at least 1"),
    ("plugin that is not there", ["--plugin", "no.py", "list", "types"], "no such file"),
    ("unknown list", ["list", "typs"], "There is no list 'typs'. Did you mean types?"),
    ("empty suite", ["run", "--suite", ""], "There is no suite ''"),
    ("empty dtype", ["run", "--suite", "quick", "--dtype", ","], "--dtype is empty"),
    ("seed too large", ["run", "--suite", "quick", "--seed", str(2**64)], "2**63"),
    ("budget too small", ["run", "--budget", "4.9"], "--budget 4.9: give 5 to 86400 seconds"),
    ("budget without an end", ["run", "--budget", "inf"], "--budget inf: give 5 to 86400 seconds"),
    ("budget of more than a day", ["run", "--budget", "25h"], "--budget 90000: give 5 to 86400"),
    ("budget that is no number", ["run", "--budget", "nan"], "--budget nan: give 5 to 86400"),
    ("negative budget", ["run", "--budget=-1m"], "--budget -60: give 5 to 86400 seconds"),
    ("budget in words", ["run", "--budget", "soon"], "--budget 'soon' is no time: give it as 90"),
    ("unit alone", ["run", "--budget", "m"], "--budget 'm' is no time"),
    ("unknown unit", ["run", "--budget", "3d"], "--budget '3d' is no time"),
    ("no processes", ["run", "--processes", "0"], "--processes 0: give 1 to 100"),
    ("too many processes", ["run", "--processes", "101"], "--processes 101: give 1 to 100"),
    ("another CPU", ["run", "--device", "cpu:3"], "There is one CPU"),
    ("unknown option", ["run", "--sute", "quick"], "--suite"),
    ("unknown command", ["rnu"], "No such command"),
]


@pytest.mark.parametrize(
    ("arguments", "says"), [row[1:] for row in COMMANDS], ids=[row[0] for row in COMMANDS]
)
def test_command(convbench, arguments, says):
    done = convbench(*arguments, code=2)
    assert says in " ".join(done.stderr.replace("│", " ").split())


SUITES = [
    # what is wrong, the file, what the message must say
    ("not TOML", "name = ", "is not TOML"),
    ("empty", "", "no [[slots]] and no [[networks]]"),
    ("unknown key", "nmae = 'x'\n" + SLOT, "nmae = 'x' is not a known key. Did you mean name"),
    ("unknown key in a slot", SLOT + "strides = 2\n", "strides = 2 is not a known key"),
    ("missing key", "[[slots]]\nin_channels = 3\n", "out_channels is missing"),
    ("wrong value", SLOT + "stride = 0\n", "stride=0 is too small"),
    ("wrong kind of value", SLOT + "batch = 'two'\n", "batch='two' is not a whole number"),
    ("unknown type", SLOT + "types = ['standrad']\n", "Did you mean standard"),
    ("unknown knob", SLOT + "types = [{type='grouped', group=2}]\n", "no knob 'group'"),
    ("no types", SLOT + "types = []\n", "types = [] is wrong"),
    ("unknown dtype", "[axes]\ndtype = 'float31'\n" + SLOT, "dtype = 'float31' is wrong"),
    ("bad size", SLOT.replace("7x7", "7*7"), "input_size = '7*7' is wrong"),
    ("bad budget", "[timing]\nbudget = -1\n" + SLOT, "budget = -1 is wrong"),
    ("budget too small", "[timing]\nbudget = 4\n" + SLOT, "budget = 4 is wrong"),
    ("budget too large", "[timing]\nbudget = 1e9\n" + SLOT, "budget = 1000000000.0 is wrong"),
    ("budget in words", "[timing]\nbudget = '10m'\n" + SLOT, "budget = '10m' is wrong"),
    ("budget of a slot", SLOT + "budget = 60\n", "budget = 60 is not a known key"),
    (
        "a key of an older convbench",
        "[timing]\nseconds_per_group = 3\n" + SLOT,
        "seconds_per_group = 3 is not a known key",
    ),
    ("another such key", "[timing]\ntarget = 0.01\n" + SLOT, "target = 0.01 is not a known key"),
    ("processes", "[timing]\nprocesses = 101\n" + SLOT, "processes = 101 is wrong"),
    ("half a process", "[timing]\nprocesses = 1.5\n" + SLOT, "processes = 1.5 is wrong"),
    ("rounds", "[timing]\nmin_rounds = 9\nmax_rounds = 2\n" + SLOT, "max_rounds = 2 is wrong"),
    ("slots not tables", "slots = 3\n", "write [[slots]]"),
    ("block not a boolean", SLOT + "block = 1\n", "block = 1 is wrong"),
    ("name with a slash", "name = '../up'\n" + SLOT, "name = '../up' is wrong"),
    ("unknown network", "[[networks]]\nnames = ['osnet']\n", "There is no network 'osnet'"),
    ("network size", "[[networks]]\nnames = 'all'\ninput_size = '7'\n", "input_size = (7,) is"),
    ("baseline", SLOT + "baseline = 'standrad'\n", "Did you mean standard"),
    ("baseline not a type", SLOT + "types=['lite']\nbaseline='standard'\n", "slot's own types"),
    ("block as a knob", SLOT + "types = [{type='lite', block=true}]\n", "block = true in the slot"),
    ("empty knob", SLOT + "types = [{type='grouped', groups=[]}]\n", "groups = [] is wrong"),
    (
        "table as a knob",
        SLOT + "types = [{type='resize_conv', mode={a=1}}]\n",
        "mode = {'a': 1} is wrong; give a number, text, true or false, or a list of these",
    ),
    (
        "list in a list",
        SLOT + "types = [{type='grouped', groups=[[1]]}]\n",
        "groups = [[1]] is wrong; give a number, text",
    ),
    ("empty list", SLOT + "stride = []\n", "stride = [] is wrong"),
    ("network not a name", "[[networks]]\nnames = [3]\n", "names = 3 is wrong"),
]


@pytest.mark.parametrize(
    ("text", "says"), [row[1:] for row in SUITES], ids=[row[0] for row in SUITES]
)
def test_suite_file(convbench, tmp_path, text, says):
    (tmp_path / "bad.toml").write_text(text)
    done = convbench("run", "--suite", "bad.toml", "--dry-run", code=2)
    assert says in done.stderr
    assert "bad.toml" in done.stderr


def test_a_suite_without_end_is_not_read_whole(convbench, tmp_path):
    with (tmp_path / "bad.toml").open("wb") as file:
        file.truncate(1 << 40)
    done = convbench("run", "--suite", "bad.toml", "--dry-run", code=2)
    assert "Suite bad.toml is longer than a suite may be" in done.stderr


def test_a_slot_twice_with_two_baselines(convbench, tmp_path):
    (tmp_path / "bad.toml").write_text(SLOT + SLOT + "baseline = 'lite'\n")
    done = convbench("run", "--suite", "bad.toml", "--dry-run", code=2)
    assert "3→8 k3 @7×7 b1" in done.stderr
    assert "in the suite twice" in done.stderr


@pytest.fixture
def run_folder(ran, tmp_path):
    return shutil.copytree(ran[0], tmp_path / "o")


def change_header(folder, **changes):
    header = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**header, **changes}))


def drop_format(folder):
    header = json.loads((folder / "run.json").read_text())
    del header["format"]
    (folder / "run.json").write_text(json.dumps({**header, "schema": 4}))


def change_record(folder, **changes):
    """Change the first record, and keep one behind it: a bad last line would count as torn."""
    lines = (folder / "records.jsonl").read_text().splitlines()
    lines = [json.dumps({**json.loads(lines[0]), **changes}), *lines[1:], lines[-1]]
    (folder / "records.jsonl").write_text("\n".join(lines) + "\n")


FOLDERS = [
    # what is wrong, what is done to the folder, what the message must say
    ("newer schema", lambda f: change_header(f, schema=999), "upgrade convbench"),
    ("foreign header", lambda f: (f / "run.json").write_text('{"a": 1}'), "not a convbench header"),
    ("torn header", lambda f: (f / "run.json").write_text('{"schema": 1, '), "torn"),
    ("no header", lambda f: (f / "run.json").unlink(), "no convbench run"),
    ("no records", lambda f: (f / "records.jsonl").unlink(), "torn"),
    (
        "damaged in the middle",
        lambda f: (f / "records.jsonl").write_bytes(b"oops\n" + (f / "records.jsonl").read_bytes()),
        "line 1, is not a record",
    ),
    ("unknown header field", lambda f: change_header(f, mood="good"), "not a header of schema"),
    (
        "a suite that is none",
        lambda f: change_header(f, suite=3),
        "suite holds 3; give a table",
    ),
    ("an empty suite", lambda f: change_header(f, suite={}), "Header.suite lacks cases, name"),
    (
        "no fingerprint",
        lambda f: change_header(f, fingerprint=None),
        "fingerprint holds None; give a table",
    ),
    ("before the first release", drop_format, "before the first release"),
    ("schema nought", lambda f: change_header(f, schema=0), "make the run again"),
    (
        "a record without its group",
        lambda f: change_record(f, group=None),
        "group holds None; give text",
    ),
    (
        "an unknown status",
        lambda f: change_record(f, status="weird"),
        "status holds 'weird'",
    ),
    ("an empty cost", lambda f: change_record(f, cost={}), "Record.cost lacks activations"),
]


@pytest.mark.parametrize(
    ("damage", "says"), [row[1:] for row in FOLDERS], ids=[row[0] for row in FOLDERS]
)
def test_run_folder(convbench, run_folder, damage, says):
    damage(run_folder)
    assert says in convbench("report", "o", code=2).stderr


def test_an_unknown_format_names_the_known(convbench, run_folder):
    assert "markdown" in convbench("report", "o", "--format", "markdwon", code=2).stderr


def test_a_name_that_is_too_long_is_shown(convbench):
    name = f"{'a' * 2000}.md"
    done = convbench("profile", "torch.nn:Identity", "--input", "1x3", "--out", name, code=2)
    assert "nothing more could be written" not in done.stderr
    assert "too long" in done.stderr


def test_a_foreign_folder_is_not_written_into(convbench, small, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = convbench("run", "--suite", small, "--out", "mine", code=2)
    assert "not empty" in done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_file_in_the_way(convbench, small, tmp_path):
    (tmp_path / "o").write_text("a file")
    assert "cannot be written" in convbench("run", "--suite", small, "--out", "o", code=2).stderr


def test_an_unwritable_folder(convbench, small):
    """/proc takes no new folder, not even from root, whom permissions do not stop."""
    done = convbench("run", "--suite", small, "--out", "/proc/convbench", code=2)
    assert "cannot be written" in done.stderr
    assert "--out" in done.stderr


def test_cuda_asked_for_and_not_there(convbench):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    done = convbench("run", "--device", "cuda:0", code=2)
    assert "CUDA" in done.stderr
    assert "--device cpu" in done.stderr


def test_resume_with_other_options_is_refused(convbench, run_folder):
    done = convbench("run", "--out", "o", "--resume", "--seed", "5", code=2)
    assert "seed=0" in done.stderr


def test_a_plugin_that_breaks_says_so(convbench, tmp_path):
    (tmp_path / "mine.py").write_text("import no_such_module\n")
    done = convbench("--plugin", "mine.py", "list", "types", code=2)
    assert "no_such_module" in done.stderr


@pytest.mark.parametrize("arguments", [["explain", "depthwize"], ["run", "--sute", "quick"]])
def test_a_process_of_its_own_ends_the_same_way(fresh, arguments):
    """The fixture of the other tests calls main(); this is the real thing, no traceback in it."""
    assert fresh(*arguments, code=2).stderr


@pytest.mark.parametrize(
    "command",
    [
        ("report", "{}"), ("report", "o", "--out", "{}"), ("compare", "o", "{}"), ("history", "{}"),
        ("run", "--suite", "{}.toml"), ("profile", "{}.pt2", "--input", "1x3"),
        ("profile", "{}.py:make", "--input", "1x3"), ("--plugin", "{}.py", "list", "types"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_name_that_no_file_can_have_is_one_message_that_says_what_to_do(
    convbench, run_folder, command
):
    done = convbench(*(word.format("x" * 5000) for word in command), code=2)
    assert len(done.stderr) < 4200
    assert any(word in done.stderr for word in ("give", "Check", "check", "Mend")), done.stderr


@pytest.mark.parametrize("sign", ["\x1b[31m", "\u202e", "\x9b2J", "\a"])
def test_no_message_steers_the_terminal(convbench, tmp_path, sign):
    """Names of files and models come from others, and so does what is said of them."""
    name = f"x{sign}y"
    commands = [
        ("report", name), ("compare", name, name), ("history", name), ("explain", name),
        ("profile", name, "--input", "1x3"), ("profile", f"{name}:z", "--input", "1x3"),
        ("run", "--suite", f"{name}.toml"), ("run", "--suite", "quick", "--only", name),
    ]  # fmt: skip
    for command in commands:
        said = convbench(*command, code=2).stderr
        assert sign[0] not in said, command
        assert "\N{REPLACEMENT CHARACTER}" in said or "\\" in said, command


def test_no_name_of_a_models_part_steers_the_terminal(convbench, tmp_path):
    (tmp_path / "odd.py").write_text(
        "import torch\n"
        "def make():\n"
        "    net = torch.nn.Sequential()\n"
        "    net.add_module('\\x1b[31mred\\u202e', torch.nn.Linear(3, 2))\n"
        "    return net\n"
    )
    for form in ([], ["--format", "markdown"], ["--format", "csv"], ["--quiet"]):
        done = convbench("profile", "odd.py:make", "--input", "4x3", *form)
        assert "\x1b" not in done.stdout + done.stderr, form
        assert "\u202e" not in done.stdout + done.stderr, form
