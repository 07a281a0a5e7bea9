"""Predictions on a machine whose times follow a known law."""

import json
import math
from dataclasses import replace

import pytest
import torch
from prediction.predictions import calibration, law
from torch import nn

import convbench
import convbench.prediction.breakeven as module
from convbench import ConvSpec
from convbench.clock.measurement import MeasurementError
from convbench.convs.base import TYPES, make
from convbench.core.errors import SpecError
from convbench.prediction.breakeven import Grid, breakeven
from convbench.prediction.calibrating import steadied, unsteady
from convbench.prediction.calibration import Calibration, CalibrationError, load, save
from convbench.prediction.operators import operators
from convbench.prediction.predicting import PredictionError, of_model, of_type
from convbench.report.document import Paragraph
from convbench.ui.terminal.prediction import calibration_page

SPEC = ConvSpec(in_channels=64, out_channels=64, input_size=(28, 28), kernel_size=3, padding=1)


def exact(module, x, threads=1):
    return law(operators(module, x), threads)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", [name for name in TYPES if not TYPES[name].upsamples])
def test_every_type_is_predicted(name, threads):
    kind = make(name)
    spec = SPEC if kind.fits(SPEC) is None else SPEC.with_(kernel_size=1, padding=0)
    found = convbench.predict(name, spec, threads=threads, calibration=calibration())
    wanted = exact(kind.build(spec).eval(), torch.randn(spec.input_shape), threads)
    assert found.seconds == pytest.approx(wanted, rel=0.3)
    assert found.low <= found.seconds <= found.high
    assert sum(part.seconds for part in found.parts) == pytest.approx(found.seconds)


def test_a_network_is_the_sum_of_its_layers_and_more_threads_take_less():
    one, two = (
        of_model("osnet_x0_25", ["1x3x64x32"], fit=calibration().fit(count)) for count in (1, 2)
    )
    assert one.seconds > two.seconds
    assert {part.path.partition(".")[0] for part in one.parts} >= {"conv1", "conv2", "conv5"}
    assert one.by_flops > 0
    assert one.by_roofline < one.seconds  # the ceilings are above what the law has


def test_noise_widens_the_interval():
    quiet, noisy = (
        convbench.predict("standard", SPEC, calibration=calibration(noise=noise))
        for noise in (0.0, 0.3)
    )
    assert noisy.high / noisy.low > quiet.high / quiet.low
    assert noisy.fit.error() > quiet.fit.error()


def test_an_operator_that_was_not_timed_widens_and_is_named():
    class Sorted(nn.Module):
        def forward(self, x):
            return x.cumsum(1)

    found = convbench.predict(Sorted(), torch.ones(1, 64, 8, 8), calibration=calibration())
    assert found.high > 2 * found.seconds
    assert found.notes == (
        "cumsum of this kind was not calibrated; its time is that of “add”",
    )  # fmt: skip


def test_a_size_beyond_the_calibration_widens_and_is_said():
    spec = SPEC.with_(in_channels=16384, out_channels=64)
    found = convbench.predict("standard", spec, calibration=calibration())
    assert found.high / found.low > 4
    assert "a size of convolution is beyond those that were timed" in found.notes


def test_a_tensor_of_no_elements_is_refused():
    with pytest.raises(PredictionError, match="no elements"):
        convbench.predict(nn.Conv2d(3, 4, 3), torch.empty(0, 3, 9, 9), calibration=calibration())


def test_three_axes_and_other_types_are_refused():
    spec = ConvSpec(in_channels=8, out_channels=8, input_size=(4, 4, 4), kernel_size=3, padding=1)
    with pytest.raises(PredictionError, match="over three axes cannot be predicted"):
        convbench.predict("standard", spec, calibration=calibration())
    double = nn.Conv2d(3, 4, 3).double()
    with pytest.raises(PredictionError, match="float64 cannot be predicted"):
        convbench.predict(double, torch.ones(1, 3, 8, 8).double(), calibration=calibration())
    with pytest.raises(SpecError):
        convbench.predict("depthwise", SPEC.with_(out_channels=63), calibration=calibration())
    with pytest.raises(CalibrationError, match="no times with 3 threads, only with 1 and 2"):
        convbench.predict("standard", SPEC, threads=3, calibration=calibration())


def test_a_file_holds_all_of_a_calibration(tmp_path):
    path = save(calibration(), tmp_path / "here.json")
    assert load(path) == calibration()
    one, two = (convbench.predict("ghost", SPEC, calibration=c) for c in (path, calibration()))
    assert one == two


def test_a_calibration_is_shown_in_a_line():
    """It holds thousands of numbers."""
    told = repr(calibration())
    assert told.startswith("<Calibration: ")
    assert "threads 1, 2" in told
    assert len(told) < 200
    assert repr(calibration().fit(1)).startswith("<Fit: 1 thread, ")


def test_a_calibration_of_another_machine_is_refused_unless_told(tmp_path):
    other = Calibration(**{**vars(calibration()),
                           "machine": {**calibration().machine, "cpu": "another"}})  # fmt: skip
    path = save(other, tmp_path / "other.json")
    with pytest.raises(CalibrationError, match="is of another machine"):
        convbench.predict("standard", SPEC, calibration=path)
    assert convbench.predict("standard", SPEC, calibration=path, any_machine=True).seconds > 0


def test_without_a_calibration_it_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CalibrationError, match="run `convbench calibrate`"):
        convbench.predict("standard", SPEC)
    save(calibration())
    assert convbench.predict("standard", SPEC).seconds > 0


def test_a_calibration_for_another_model_is_to_be_made_again(tmp_path):
    path = tmp_path / "old.json"
    save(calibration(), path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "model": 1}))
    with pytest.raises(CalibrationError, match="for another model: make it again"):
        load(path)


@pytest.mark.parametrize("text", ["", "{}", "[1]", json.dumps({"fits": 3})])
def test_a_file_that_is_none_is_said_to_be(tmp_path, text):
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(CalibrationError, match="is no calibration that this convbench can read"):
        load(path)


def test_the_map_has_every_slot_and_its_ratio():
    grid = Grid.of(channels="16,64,256", sizes="7,28", batches="1,4", kernel=3)
    fit = calibration().fit(1)
    found = breakeven(make("depthwise_separable"), make("standard"), grid, fit=fit)
    assert len(found.places) == 12
    for place in found.places:
        wanted = [
            exact(make(name).build(place.spec).eval(), torch.empty(place.spec.input_shape))
            for name in ("depthwise_separable", "standard")
        ]
        assert place.ratio == pytest.approx(wanted[0] / wanted[1], rel=0.3)
        low, high = place.interval
        assert low <= place.ratio <= high
    few, many = (found.places[at].ratio for at in (0, 5))
    assert many < 1 < few  # few channels do not pay for a second call


def test_the_closest_slots_are_measured_and_no_others(monkeypatch):
    asked = []

    class Found:
        def __init__(self, work):
            self.outputs = {name: call(x).shape for name, (call, x) in work.items()}

        def ratio(self, name, base):
            assert self.outputs[name] == self.outputs[base]
            asked.append(self.outputs[name])
            if len(asked) == 2:
                raise MeasurementError("something else had the processor")
            return len(asked)

    monkeypatch.setattr(module, "measure", lambda work, **_: Found(work))
    grid = Grid.of(channels="16,32,64,512", sizes="14", batches="1", kernel=3)
    found = breakeven(make("depthwise_separable"), make("standard"), grid,
                      fit=calibration().fit(1), seconds=2 * module.A_SLOT)  # fmt: skip
    order = sorted(found.places, key=lambda place: abs(math.log(place.ratio)))
    close = [p.spec.output_shape for p in order if 1 / 1.25 <= p.ratio <= 1.25]
    assert asked == close[:2] != []
    assert [p.measured for p in found.places if p.measured] == [1]


@pytest.mark.parametrize("text", ["", "1,x", "0", "-3"])
def test_a_grid_of_no_numbers_is_refused(text):
    with pytest.raises(PredictionError, match="give whole numbers from 1 on"):
        Grid.of(channels=text, sizes="7", batches="1", kernel=3)


def test_a_type_that_does_not_fit_is_left_out_with_its_reason():
    grid = Grid.of(channels="6,8", sizes="7", batches="1", kernel=3)
    found = breakeven(make("grouped", {"groups": 4}), make("standard"), grid,
                      fit=calibration().fit(1))  # fmt: skip
    assert [place.ratio is None for place in found.places] == [True, False]
    assert "groups=4 does not divide" in found.places[0].why


def test_a_type_in_channels_last_has_its_own_families():
    found = of_type(make("standard"), SPEC, fit=calibration().fit(1), layout="channels_last")
    assert {part.family for part in found.parts} == {"standard, channels last"}
    with pytest.raises(PredictionError, match="give channels_first or channels_last"):
        of_type(make("standard"), SPEC, fit=calibration().fit(1), layout="nhwc")


@pytest.mark.parametrize(("slow", "said"), [(1.05, False), (1.7, True)])
def test_a_machine_that_was_not_steady_is_said(slow, said):
    """The same call, slow in a third of the moments."""
    found = unsteady([1.0, 1.01, slow] * 10)
    assert found == pytest.approx(slow - 1, abs=0.02)
    fit = replace(calibration().fit(2), unsteady=found)
    assert bool(fit.doubt) is said
    page = calibration_page(replace(calibration(), fits=(fit,)))
    words = [block.text for block in page.blocks if isinstance(block, Paragraph)]
    assert any("With 2 threads the same call took 70 % longer" in text for text in words) is said


def test_times_of_slow_moments_are_brought_to_the_speed_of_quick_ones():
    """The machine is 1.7 times slower from the 11th to the 20th time of the same call."""
    same = [1e-4] * 10 + [1.7e-4] * 10 + [1e-4] * 10
    times, moments = [3e-3, 5.1e-3, 3e-3, 1e-3], [5, 15, 25, 29]
    assert steadied(times, moments, same) == pytest.approx([3e-3, 3e-3, 3e-3, 1e-3])
    assert steadied(times, moments, [1e-4, 0.9e-4] * 15) == pytest.approx(times, rel=0.12)
    quickest = [1e-4] * 29 + [0.5e-4]  # once, as by chance
    assert steadied(times, moments, quickest) == pytest.approx(times)
