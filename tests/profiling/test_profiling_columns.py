"""The columns of a profile by module: each number against one that is computed by hand."""

import csv
import io

import pytest
import torch
from torch import nn

from convbench import count
from convbench.core.errors import UnknownNameError
from convbench.counting.engine.columns import COLUMNS, SHOWN, ColumnError, module_table
from convbench.counting.engine.run import profile
from convbench.ui.notebook.profiles import html
from convbench.ui.terminal.profile import as_csv, as_markdown, page, tree


class Positive(nn.Module):
    def forward(self, x):
        return x > 0


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x, *, mask):
        return self.layer(x * mask)


class Pyramid(nn.Module):
    """One head for two sizes, and a last time for the first of them."""

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(4, 2, 1, bias=False)

    def forward(self, x):
        return [self.head(x), self.head(x[..., ::2, ::2]), self.head(x)]


def half_frozen():
    layer = nn.Linear(7, 5)
    layer.weight.requires_grad_(requires_grad=False)
    return layer


LAYERS = {
    # what: (layer, input, what its columns are; bytes are written out, elements × their size)
    "strided convolution": (
        lambda: nn.Conv2d(3, 8, 3, stride=2, padding=1), torch.zeros(2, 3, 9, 7),
        {
            "multiplications": 2 * 8 * 3 * 9 * 20, "flops": 2 * 2 * 8 * 3 * 9 * 20,
            # rows of taps on the input: 2 + 3·3 + 2 of 5·3; columns of taps: 2 + 3·2 + 2 of 4·3
            "multiplications_valid": 2 * 8 * 3 * (2 + 3 * 3 + 2) * (2 + 3 * 2 + 2),
            "parameters": 8 * 27 + 8, "trainable": 224, "frozen": 0, "kernel": (3, 3),
            "bytes_read": 4 * (2 * 3 * 63 + 216 + 8), "bytes_written": 4 * 2 * 8 * 20,
            "input": (((2, 3, 9, 7),),), "output": (((2, 8, 5, 4),),), "elementwise": 0,
            "activations": 320,
        },
    ),
    "transposed convolution": (
        lambda: nn.ConvTranspose2d(4, 6, 3, stride=2), torch.zeros(1, 4, 5, 5),
        {
            "multiplications": 4 * 6 * 9 * 25, "flops": 2 * 4 * 6 * 9 * 25,
            "parameters": 4 * 6 * 9 + 6, "kernel": (3, 3),
            "bytes_read": 4 * (100 + 216 + 6), "bytes_written": 4 * 6 * 121,
            "output": (((1, 6, 11, 11),),),
        },
    ),
    "depthwise, of float64": (
        lambda: nn.Conv1d(4, 4, 5, groups=4, padding=2, bias=False).double(),
        torch.zeros(3, 4, 10, dtype=torch.float64),
        {
            "multiplications": 3 * 4 * 5 * 10, "parameters": 20, "kernel": (5,),
            "bytes_read": 8 * (120 + 20), "bytes_written": 8 * 120, "bytes_moved": 8 * 260,
        },
    ),
    "linear, half frozen": (
        half_frozen, torch.zeros(3, 7),
        {
            "multiplications": 105, "flops": 210, "parameters": 40, "trainable": 5, "frozen": 35,
            "bytes_read": 4 * (21 + 35 + 5), "bytes_written": 4 * 15, "kernel": (),
        },
    ),
    "max pooling": (
        lambda: nn.MaxPool2d(2), torch.zeros(1, 3, 8, 8),
        {
            "multiplications": 0, "flops": 0, "kernel": (2, 2), "output": (((1, 3, 4, 4),),),
            "bytes_read": 4 * 192, "bytes_written": 4 * 48,
        },
    ),
    "batch norm": (
        lambda: nn.BatchNorm2d(3).eval(), torch.zeros(1, 3, 8, 8),
        {
            "elementwise": 2 * 192, "parameters": 6, "trainable": 6,
            "bytes_read": 4 * (192 + 6), "bytes_written": 4 * 192,
        },
    ),
    "of floats, one byte each": (
        Positive, torch.zeros(4, 8, dtype=torch.float64),
        {"bytes_read": 8 * 32, "bytes_written": 32, "bytes_moved": 9 * 32, "elementwise": 32},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", LAYERS)
def test_the_columns_of_a_layer(what):
    make, given, known = LAYERS[what]
    frame = profile(make(), given, shapes=True).to_frame("module")
    assert {name: frame[name][0] for name in known} == known


@pytest.mark.parametrize("what", [what for what in LAYERS if "convolution" in what])
def test_fvcore_counts_the_same_macs(what):
    make, given, known = LAYERS[what]
    assert count(make(), given, counter="fvcore").macs == known["multiplications"]


def network():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Sequential(nn.Conv2d(4, 8, 3), nn.Conv2d(8, 2, 1))
    )


@pytest.fixture(scope="module")
def found():
    return profile(network(), torch.zeros(1, 3, 8, 8), shapes=True)


@pytest.fixture(scope="module")
def both():
    return profile(network(), torch.zeros(1, 3, 8, 8), backward=True, shapes=True)


def test_the_share_keeps_its_base_with_the_backward_pass(found, both):
    first = 4 * 27 * 36 / (4 * 27 * 36 + 8 * 36 * 16 + 16 * 16)
    for each in (found, both):
        shares = each.to_frame("module").set_index("module")["share"]
        assert shares["0"] == pytest.approx(first)
        assert shares["0"] + shares["2"] == pytest.approx(1)
    assert both.by_module.shapes == found.by_module.shapes
    assert str(both) == ("Sequential: 8,752 MACs forward, 13,616 MACs backward, 426 parameters")


def test_every_call_of_a_shared_layer_has_its_shapes():
    head = profile(Pyramid(), torch.zeros(1, 4, 6, 8), shapes=True).by_module.children[0]
    assert head.shapes == (
        (((1, 4, 6, 8),), ((1, 2, 6, 8),)), (((1, 4, 3, 4),), ((1, 2, 3, 4),)),
    )  # fmt: skip
    assert head.visits == 3
    assert COLUMNS["output"].text(COLUMNS["output"].value(head, head)) == "1×2×6×8 (first of 2)"


def test_inputs_by_keyword_are_inputs():
    given = {"mask": torch.zeros(8)}
    for asked in ({}, {"backward": True}):
        counted = profile(Scaled(), torch.zeros(2, 8), kwargs=given, shapes=True, **asked)
        assert counted.forward.multiplications == 2 * 64
        assert counted.how == "shapes"
        assert counted.by_module.shapes == ((((2, 8), (8,)), ((2, 8),)),)
    real = profile(torch.compile(Scaled(), backend="eager"), torch.zeros(2, 8), kwargs=given)
    assert real.forward.multiplications == 2 * 64


def test_shapes_are_the_same_when_a_model_is_run_for_real():
    class Decides(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool, self.layer = nn.MaxPool2d(2), nn.Conv2d(3, 2, (1, 3))

        def forward(self, x):
            return self.layer(self.pool(x)) if float(x.sum()) >= 0 else x

    counted = profile(Decides(), torch.zeros(1, 3, 8, 8) + torch.zeros(1, 3, 8, 1), shapes=True)
    rows = counted.to_frame("module").set_index("module")
    assert rows["output"]["pool"] == (((1, 3, 4, 4),),)
    assert rows["output"]["layer"] == (((1, 2, 4, 2),),)
    assert rows["kernel"]["layer"] == (1, 3)


def test_all_formats_have_the_same_columns(both):
    asked, titles = ("flops", "kernel", "frozen"), ["FLOPs", "kernel", "frozen"]
    table, dropped = tree(both, asked, width=80)
    assert [str(column.header) for column in table.columns] == ["module", *titles]
    assert not dropped
    head = next(line for line in as_markdown(both, asked).splitlines() if line.startswith("| mod"))
    assert [cell.strip() for cell in head.split("|")[1:-1]] == ["module", "kind", *titles]
    rows = list(csv.DictReader(io.StringIO(as_csv(both, asked))))
    assert list(rows[0]) == ["module", "kind", *asked]
    assert [row["flops"] for row in rows] == ["17504", "7776", "0", "9728", "9216", "512"]
    assert [row["kernel"] for row in rows] == ["–", "3×3", "–", "–", "3×3", "1×1"]
    data = both.to_json(asked)["modules"]
    assert [row["flops"] for row in data] == [int(row["flops"]) for row in rows]
    shown = module_table(both).columns
    assert tuple(shown) == SHOWN
    assert all(f">{column.title}</th>" in html(both) for column in shown.values())


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_the_depth_holds_in_every_format(found, depth):
    names = ["", "0", "1", "2", "2.0", "2.1"][: (1, 4, 6)[depth]]
    assert tree(found, depth=depth)[0].row_count == len(names)
    assert [row["module"] for row in found.to_json(depth=depth)["modules"]] == names
    rows = csv.DictReader(io.StringIO(as_csv(found, depth=depth)))
    assert [row["module"] for row in rows] == names
    lines = [line for line in as_markdown(found, depth=depth).splitlines() if line[:1] == "|"]
    assert len(lines) == 2 + len(names)


def test_sorting_keeps_what_is_inside_a_module_with_it(found):
    order = [row.part.name for row in module_table(found, sort="parameters").rows]
    assert order == ["", "2", "2.0", "2.1", "0", "1"]
    assert [row["module"] for row in found.to_json(["flops"], sort="macs")["modules"]] == order


def test_what_is_not_there_is_said():
    plain = profile(network(), torch.zeros(1, 3, 8, 8))
    assert tuple(module_table(plain).columns) == (
        "multiplications", "share", "parameters", "bytes_moved", "elementwise"
    )  # fmt: skip
    with pytest.raises(ColumnError, match="no column output, which needs shapes=True"):
        module_table(plain, ["output"])
    with pytest.raises(ColumnError, match="no column backward, which needs backward=True"):
        module_table(plain, sort="backward")
    with pytest.raises(UnknownNameError, match="Did you mean parameters"):
        module_table(plain, ["parametres"])


@pytest.mark.parametrize("width", [40, 60, 80, 120, 300])
def test_a_table_fits_its_terminal_and_says_what_it_left_out(both, width):
    from rich.console import Console

    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False)
    table, *rest = page(both, tuple(COLUMNS), width=width)
    console.print(table)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 7, "no row is broken"
    assert max(map(len, lines)) <= width
    assert all("…" not in line.replace("Sequential", "") for line in lines[1:] if width >= 60)
    shown = lines[0]
    left = rest[0].partition("wide: ")[2].partition(";")[0].split(", ")
    for name in COLUMNS:
        assert (name in left) != (f" {COLUMNS[name].title}" in shown), name
