"""OSNet's plan: exact facts, the paper's figures, bad input."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy

from convbench.core.costs import Cost
from convbench.core.errors import SpecError
from convbench.core.steps import Elementwise, Gating, flatten
from convbench.networks.base import NETWORKS
from convbench.networks.osnet import OSNet

QUARTERS = {
    "1.0": Fraction(1),
    "0.75": Fraction(3, 4),
    "0.5": Fraction(1, 2),
    "0.25": Fraction(1, 4),
}

# (name, multiplications at 256×128, parameters without a classifier, with one of 1,000 classes).
# Counted from the public implementation; the last has every Lite 3×3 replaced by a standard one.
FACTS = [
    ("osnet_x1_0", 978_875_392, 2_169_508, 2_682_508),
    ("osnet_x0_75", 571_752_192, 1_285_754, 1_798_754),
    ("osnet_x0_5", 272_899_328, 630_034, 1_143_034),
    ("osnet_x0_25", 82_314_880, 201_864, 714_864),
    ("osnet_ibn_x1_0", 978_875_392, 2_170_532, 2_683_532),
    ("osnet_x1_0_fullconv", 3_376_182_272, 6_869_028, 7_382_028),
]


@pytest.mark.parametrize(("name", "multiplications", "parameters", "with_classifier"), FACTS)
def test_facts(name: str, multiplications: int, parameters: int, with_classifier: int) -> None:
    """Counts are exact; a classifier adds 512·1000 + 1000 parameters and no multiplication."""
    network = NETWORKS[name]
    assert isinstance(network, OSNet)
    assert network.cost().multiplications == multiplications
    assert network.cost().parameters == parameters
    classifying = replace(network, num_classes=1000).cost()
    assert classifying.parameters == with_classifier
    assert replace(classifying, parameters=parameters) == network.cost()


def test_every_osnet_is_in_the_table_of_facts() -> None:
    """A network registered later needs its row."""
    assert [n for n in NETWORKS if isinstance(NETWORKS[n], OSNet)] == [row[0] for row in FACTS]


# Table 6 of arXiv:1905.00953v5 (its first row is Table 1 too): width, size, M multiply-adds of
# convolutions and linear layers without the identity classifier.
TABLE_6 = [
    ("1.0", (256, 128), "978.9"),
    ("1.0", (192, 96), "550.7"),
    ("1.0", (128, 64), "244.9"),
    ("1.0", (64, 32), "61.5"),
    ("0.75", (256, 128), "571.8"),
    ("0.75", (192, 96), "321.7"),
    ("0.75", (128, 64), "143.1"),
    ("0.75", (64, 32), "35.9"),
    ("0.5", (256, 128), "272.9"),
    ("0.5", (192, 96), "153.6"),
    ("0.5", (128, 64), "68.3"),
    ("0.5", (64, 32), "17.2"),
    ("0.25", (256, 128), "82.3"),
    ("0.25", (192, 96), "46.3"),
    ("0.25", (128, 64), "20.6"),
    ("0.25", (64, 32), "5.2"),
]

# (knobs, M parameters, where in arXiv:1905.00953v5)
PARAMETERS = [
    ({}, "2.2", "Table 6"),
    ({"width": 0.75}, "1.3", "Table 6"),
    ({"width": 0.5}, "0.6", "Table 6"),
    ({"width": 0.25}, "0.2", "Table 6"),
    ({"full_conv": True}, "6.9", "section 3.3"),
    ({"num_classes": 10}, "2.2", "Table 8"),
    ({"num_classes": 10, "blocks": (3, 8, 6)}, "4.6", "Table 8"),
    ({"num_classes": 1000}, "2.7", "Table 10"),
    ({"num_classes": 1000, "width": 0.75}, "1.8", "Table 10"),
    ({"num_classes": 1000, "width": 0.5}, "1.1", "Table 10"),
]


def rounds_to(count: int, printed: str) -> bool:
    """Tell whether a count, in millions, rounds to what is printed."""
    digits = len(printed.partition(".")[2])
    return f"{count / 1e6:.{digits}f}" == printed


@pytest.mark.parametrize(("width", "size", "printed"), TABLE_6)
def test_multiplications_of_the_paper(width: str, size: tuple[int, int], printed: str) -> None:
    """All sixteen figures reproduce at the precision printed, and `published` gives them."""
    network = OSNet(width=QUARTERS[width])
    assert rounds_to(network.cost(1, size).multiplications, printed)
    source = "arXiv:1905.00953v5 Table 6"
    assert network.published(size)["multiplications"] == (f"{printed} M", source)


@pytest.mark.parametrize(("knobs", "printed", "where"), PARAMETERS)
def test_parameters_of_the_paper(knobs: dict[str, object], printed: str, where: str) -> None:
    """Parameters reproduce at the precision printed, and `published` gives them."""
    network = OSNet(**knobs)
    assert rounds_to(network.cost().parameters, printed)
    found = network.published((64, 64))
    assert found == {"parameters": (f"{printed} M", f"arXiv:1905.00953v5 {where}")}


def test_nothing_is_published_for_what_the_paper_does_not_print() -> None:
    """No figure is borrowed from a network that is only similar."""
    assert OSNet(instance_norm=True).published((256, 128)) == {}
    assert OSNet(width=sympy.Symbol("w")).published((256, 128)) == {}
    assert OSNet(width=np.array([1])).published((256, 128)) == {}
    assert OSNet(width=Fraction(1, 2), blocks=(1, 1, 1)).published((256, 128)) == {}
    assert set(OSNet(full_conv=True).published((256, 128))) == {"parameters"}
    assert set(OSNet(num_classes=751).published((256, 128))) == {"multiplications"}


@pytest.mark.parametrize(("width", "printed"), [("1.0", "1511"), ("0.75", "885"), ("0.5", "424")])
def test_imagenet_figures_count_batch_norm(width: str, printed: str) -> None:
    """Table 10's multiply-adds at 224×224 are MACs and one operation for each element of a BN."""
    steps = flatten(OSNet(width=QUARTERS[width]).plan(1, (224, 224)))
    norms = [s for s in steps if isinstance(s, Elementwise) and s.operation == "batch_norm"]
    macs = sum(step.cost.multiplications for step in steps)
    assert rounds_to(macs + sum(step.cost.writes for step in norms), printed)
    assert not rounds_to(macs, printed)


def test_shared_gate_counts_its_parameters_once() -> None:
    """Counting it for every stream gives 2,193,616: a known error of another tool."""
    steps = flatten(OSNet().plan(1, (256, 128)))
    assert sum(replace(step, shared=False).cost.parameters for step in steps) == 2_193_616
    assert sum(step.cost.parameters for step in steps) == 2_169_508
    gates = [step for step in steps if step.label == "conv2.0.gate.fc1"]
    assert [step.cost.multiplications for step in gates] == [64 * 4] * 4
    assert [step.cost.parameters for step in gates] == [64 * 4 + 4, 0, 0, 0]


def test_receptive_field() -> None:
    """7, then 11 after the pool; four 3×3 a block at strides 4, 8, 16; two average pools.

    7 + 2·2 + 2·4·2·4 + 4 + 2·4·2·8 + 8 + 2·4·2·16 = 471: the deepest stream counts.
    """
    assert OSNet().cost().receptive_field == (471, 471)
    assert OSNet(blocks=(1, 1, 1)).cost().receptive_field == (247, 247)


def test_peak_live_elements() -> None:
    """256 channels of 64×32, three times: of the block's main path, and around a batch norm."""
    assert OSNet().cost().peak_live == 3 * 256 * 64 * 32
    assert OSNet().cost(batch=4).peak_live == 4 * 3 * 256 * 64 * 32


def test_elementwise_work_stays_out_of_the_multiplications() -> None:
    """Norms, activations, gating, sums and pools are counted, apart."""
    steps = flatten(OSNet(instance_norm=True).plan(1, (256, 128)))
    apart = [s for s in steps if s.cost.elementwise]
    assert {s.operation for s in apart if isinstance(s, Elementwise)} == {
        "batch_norm",
        "instance_norm",
        "relu",
        "sigmoid",
        "multiply",
        "add",
    }
    assert all(step.cost.multiplications == 0 for step in apart)
    gating = next(step for step in steps if isinstance(step, Gating))
    assert gating.cost == Cost(
        elementwise=64 * 64 * 32, reads=64 * 64 * 32 + 64, writes=64 * 64 * 32
    )


def test_width_is_kept_exact() -> None:
    """Equal widths make equal networks, however they are written."""
    assert OSNet(width=0.75) == OSNet(width=Fraction(3, 4)) == OSNet(width=sympy.Rational(3, 4))
    assert OSNet(width=1).channels == (64, 256, 384, 512)
    assert OSNet(width=0.25).channels == (16, 64, 96, 128)
    assert OSNet(width=2).channels == (128, 512, 768, 1024)


BAD_KNOBS = [
    ({"width": 0.3}, "width=0.3"),
    ({"width": Fraction(1, 8)}, "width=Fraction"),
    ({"width": 0}, "multiple of 1/32"),
    ({"width": -1}, "multiple of 1/32"),
    ({"width": float("nan")}, "width=nan"),
    ({"width": float("inf")}, "width=inf"),
    ({"width": "wide"}, "width='wide'"),
    ({"width": None}, "width=None"),
    ({"width": np.array([1.0, 0.3])}, "multiple of 1/32"),
    ({"width": sympy.Rational(1, 3)}, "multiple of 1/32"),
    ({"blocks": (2, 2)}, "three whole numbers"),
    ({"blocks": (2, 0, 2)}, "three whole numbers"),
    ({"blocks": (2, 2.0, 2)}, "three whole numbers"),
    ({"num_classes": 0}, "num_classes=0"),
    ({"num_classes": True}, "num_classes=True"),
]


@pytest.mark.parametrize(("knobs", "message"), BAD_KNOBS)
def test_bad_knobs_are_refused(knobs: dict[str, object], message: str) -> None:
    """The message shows the value and says what to give."""
    with pytest.raises(SpecError, match=message) as caught:
        OSNet(**knobs)
    assert "give " in str(caught.value)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((12, 128), "at least 13"),
        ((256, 12), "at least 13"),
        ((np.array([64, 12]), 64), "at least 13"),
        ((256,), "give height and width"),
        ((8, 256, 128), "give height and width"),
        ((256.5, 128), "not a whole number"),
    ],
)
def test_bad_sizes_are_refused(size: tuple[object, ...], message: str) -> None:
    """Sizes that would leave nothing to pool, or that are no height and width."""
    with pytest.raises(SpecError, match=message):
        OSNet().plan(1, size)


def test_bad_batch_is_refused() -> None:
    """A batch of nothing costs nothing worth saying."""
    with pytest.raises(SpecError, match="batch=0"):
        OSNet().plan(0, (256, 128))


def test_formulas_and_sweeps_are_not_built() -> None:
    """A width that is no number has a plan and no module."""
    for width in (sympy.Symbol("w"), np.array([0.5, 1.0])):
        with pytest.raises(SpecError, match="give a number"):
            OSNet(width=width).build()


def test_deriving_imports_no_torch() -> None:
    """Cost and registry work where torch, NumPy and SymPy are not even imported."""
    code = (
        "import sys\n"
        "from convbench.networks.base import NETWORKS\n"
        "print(NETWORKS['osnet_x1_0'].cost().multiplications)\n"
        "print(sorted({'torch', 'numpy', 'sympy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "978875392\n[]\n"
