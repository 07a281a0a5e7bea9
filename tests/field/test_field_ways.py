"""Every case of the audit and of the field, in every way: the value by hand, or a listed exception.

Done by shapes on the processor and on the meta device, for real, on the slow path, with twins of
the weights, as a formula, and as the forward of a backward pass.
"""

import warnings

import field.field_networks
import field.field_reports
import pytest
import torch
from field.field_making import CASES as FIELD
from field.field_ways import FORWARD_ALONE, SAID, WAYS, ask

from convbench.audit.case import CASES as AUDIT
from convbench.audit.case import CaseError
from convbench.core.errors import ConvbenchError
from convbench.counting.engine.run import profile

assert field.field_networks.CASES is field.field_reports.CASES is FIELD

CASES = {**{name: AUDIT[name] for name in AUDIT}, **{case.id: case for case in FIELD.values()}}

EXCEPTIONS = {
    # why: what the way does instead (says that it is a lower bound; refuses, with the reason; the
    # case cannot be built there): ways, cases
    "TorchScript has no graph that torch.export takes": ("refuses", {"formula"}, {
        "contexts/TorchScript, scripted",
        "contexts/TorchScript, traced",
        "reached/TorchScript, optimised for inference",
    }),
    "TorchScript hides shapes, so it is run, and meta has no values": ("refuses", {"on meta"}, {
        "contexts/TorchScript, scripted",
    }),
    "torch traces and optimises with values": ("unbuilt", {"on meta"}, {
        "contexts/TorchScript, traced",
        "reached/TorchScript, optimised for inference",
    }),
    "another library runs the fused parts": (
        "said", {"by shapes", "for real", "slow", "twins", "backward"}, {
            "reached/TorchScript, optimised for inference",
        },
    ),
    "torch packs 8-bit weights from values": ("unbuilt", {"on meta"}, {
        "contexts/quantised convolution",
        "field/dynamically quantised",
    }),
    "quantised layers are run, and meta has no values": ("refuses", {"on meta"}, {
        "operators/quantised transposed convolution",
    }),
    "torch.export does not take packed weights": ("refuses", {"formula"}, {
        "contexts/quantised convolution",
        "operators/quantised transposed convolution",
        "field/dynamically quantised",
    }),
    "which branch is taken is up to values": ("refuses", {"on meta", "formula"}, {
        "plumbing/data-dependent branch, taken",
        "plumbing/data-dependent branch, not taken",
    }),
    "a formula wants weights that have shapes": ("refuses", {"formula"}, {
        "plumbing/LazyConv2d",
    }),
    "how often a transform of functions runs is in no size": ("said", {"formula"}, {
        "dynamic/vmap over samples",
    }),
    "other threads are not looked into": (
        "said", {"by shapes", "on meta", "for real", "slow", "twins", "backward"}, {
            "reached/layers in a thread pool",
        },
    ),
    "torch.export does not follow threads": ("refuses", {"formula"}, {
        "reached/layers in a thread pool",
    }),
}  # fmt: skip
LISTED = {
    (case, way): kind for kind, ways, cases in EXCEPTIONS.values() for case in cases for way in ways
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def built(name, device="cpu"):
    case = CASES[name]
    if case.missing:
        pytest.skip(f"needs {', '.join(case.missing)}")
    try:
        with torch.device(device), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own: of even kernels, scripts, quantisation
            return case.build()
    except CaseError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_the_value_by_hand(name, way, monkeypatch):
    case, kind = CASES[name], LISTED.get((name, way))
    if kind == "unbuilt":
        with pytest.raises((RuntimeError, TypeError)):  # torch's, which says so itself
            built(name, "meta")
        return
    module, inputs = built(name)
    if kind == "refuses":
        with pytest.raises(ConvbenchError):
            ask(case, way, monkeypatch)
        return
    found = ask(case, way, monkeypatch)
    if kind == "said":
        assert found == SAID
    elif case.backward and way in FORWARD_ALONE:
        assert found == profile(module, *inputs).total.multiplications
    else:
        assert found == case.known


def test_exceptions_name_cases_and_ways():
    assert {name for name, _ in LISTED} <= set(CASES)
    assert {way for _, way in LISTED} <= set(WAYS)
    assert sum(len(ways) * len(cases) for _, ways, cases in EXCEPTIONS.values()) == len(LISTED)


@pytest.mark.parametrize("name", FIELD)
def test_products_by_hand_stand_apart(name):
    module, inputs = built(FIELD[name].id) if FIELD[name].id in CASES else FIELD[name].build()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        found = profile(module, *inputs)
    assert found.counts().by_hand == FIELD[name].known_by_hand


def test_the_field_is_wide():
    assert len(FIELD) >= 40
