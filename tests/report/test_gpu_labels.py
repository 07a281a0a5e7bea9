"""On a GPU no page speaks of threads, or of float32 without saying whether TF32 computes it."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from report.gpu_runs import gpu_run
from rich.console import Console
from scripted import samples

from convbench.clock.execution import Execution, Kernel
from convbench.clock.measurement import Measurement
from convbench.comparing.matching import split
from convbench.comparing.sides import side
from convbench.convs.base import make
from convbench.core.spec import ConvSpec
from convbench.experiments.dispatch import Dispatched, _flips, variants
from convbench.experiments.page import dispatch_page, replication_page
from convbench.experiments.published import EXPERIMENTS
from convbench.experiments.replication import replicated
from convbench.experiments.setups import Raced
from convbench.machine.ceilings import MEMORY, Ceiling, Level
from convbench.machine.probe import Probe
from convbench.machine.resolution import Resolution, SizeResolution, Trial, verdict
from convbench.machine.rules import omp_disagrees
from convbench.report.contents import contents
from convbench.report.document import Document
from convbench.report.formats.terminal import print_document
from convbench.report.renderers import RENDERERS
from convbench.runs.record import Machine
from convbench.ui.terminal.probe import page

WRONG = re.compile(r"(?<!ieee )\bfloat32\b|\b\d+ threads?\b")
SLOT = ConvSpec(in_channels=8, out_channels=16, input_size=(9, 9), kernel_size=3, padding="same")


def ceiling(device: str) -> Ceiling:
    return Ceiling(
        device=device, dtype="float32", threads=1, multiplications_per_second=3e13,
        bytes_per_second=3e12, peak_of="product of two 8192×8192 matrices",
        levels=(Level(name=MEMORY, size=None, bytes_per_second=3e12),),
        convolution_seconds=5e-6, operator_seconds=4e-6,
    )  # fmt: skip


def dispatched(device: str) -> Document:
    """Return the page of a type whose implementation bfloat16 flips."""
    kind = make("standard")
    several = [one for one in variants(kind, SLOT, device) if one.layout == "channels_first"]
    names = {
        "": "ampere_sgemm_64x32_sliced1x4_tn",
        "bfloat16": "sm90_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc",
    }
    raced = Raced(
        {one.name: one.setup for one in several},
        Measurement(samples={
            one.name: tuple(samples([1e-3] * 8, str(n)) for n in range(5)) for one in several
        }),
        {
            one.name: Execution(kernels=(Kernel(
                operator="cudnn_convolution", backend="cuDNN", layouts="", reorder=False, calls=1,
                implementation=names.get(one.change, names[""]), seconds=1e-3,
            ),))
            for one in several
        },
    )  # fmt: skip
    found = Dispatched(kind=kind, spec=SLOT, variants=tuple(several), raced=raced,
                       flips=_flips(several, raced))  # fmt: skip
    return dispatch_page(found, device)


def replication(device: str) -> Document:
    experiment = EXPERIMENTS["shufflenetv2-g1"]("cuda" if device != "cpu" else "cpu")
    measured = Measurement(samples={
        entry.name: tuple(samples([1e-3] * 8, str(n)) for n in range(6))
        for entry in experiment.entries
    })  # fmt: skip
    raced = Raced({}, measured, {})
    return replication_page([replicated("shufflenetv2-g1", experiment, raced, device, 1)], device)


def probed(device: str) -> Document:
    return page(Probe(version="0", machine={}, ceilings=(ceiling(device),)), Path("probe.json"))


def text_of(document: Document) -> str:
    console = Console(width=160, file=io.StringIO())
    print_document(document, console)
    return " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]


PAGES = [
    (dispatched, "As asked: ieee float32, batch 1, on cuda:0.",
     "As asked: float32, 1 thread, batch 1, on cpu."),
    (dispatched, "bfloat16 instead of ieee float32 runs", "bfloat16 instead of float32 runs"),
    (dispatched, "Implementations: from PyTorch's profiler", "Implementations: from oneDNN's log"),
    (replication, "timed interleaved, in ieee float32, channels first",
     "timed interleaved, in float32, channels first"),
    (replication, "; here on cuda:0.", "; here on cpu, 1 thread."),
    (probed, "cuda:0, ieee float32", "cpu, float32, 1 thread"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "on_gpu", "on_cpu"), PAGES)
def test_a_page_says_how_a_gpu_computes_and_on_how_many_threads_a_cpu(made, on_gpu, on_cpu):
    assert on_gpu in text_of(made("cuda:0"))
    assert on_cpu in text_of(made("cpu"))


@pytest.mark.parametrize("made", dict.fromkeys(page[0] for page in PAGES))
def test_no_page_says_threads_or_float32_alone_of_a_gpu(made):
    assert WRONG.findall(text_of(made("cuda:0"))) == []
    assert WRONG.findall(text_of(made("cpu")))


@pytest.mark.parametrize("form", ["markdown", "latex", "terminal"])
def test_no_text_of_a_report_does(form):
    run = gpu_run((1, 32), axes={"dtype": ("float32", "tf32")}, networks=True)
    machine = Machine(ceilings=(ceiling("cuda:0"),))
    document = contents(replace(run, header=replace(run.header, machine=machine)))
    if form == "terminal":
        text = text_of(document)
    else:
        files = RENDERERS[form](document)
        text = " ".join(d.decode() for n, d in files.items() if n.endswith((".md", ".tex")))
    assert "ieee float32" in text
    assert WRONG.findall(text) == []


def test_doctor_says_it_of_neither(monkeypatch):
    size = SizeResolution(
        name="tiny", what="a convolution", seconds_per_call=2e-5, seconds_per_trial=0.5,
        page_faults_per_call=0.0,
        trials=(Trial(value=1.0, low=0.99, high=1.01, rounds=20, settled=True),) * 8,
    )  # fmt: skip
    found = Resolution(
        budget=8.0, seconds=8.0, threads=1, device="cuda:0", seed=0, allocator="system",
        steal_share=None, sizes=(size,),
    )  # fmt: skip
    assert "(20 µs of event time a call, cuda:0, comparisons of 500 ms)" in verdict(found)[0]
    facts = {"device": "cuda:0", "threads": 1, "thread_settings": "OMP_NUM_THREADS=8"}
    assert not omp_disagrees(facts)
    assert omp_disagrees({**facts, "device": "cpu"})


def test_the_sides_of_a_comparison_by_data_type_are_named_alike():
    run = gpu_run((1,), axes={"dtype": ("float32", "tf32")})
    left, right = split(side("run", [run]), "dtype", None)
    assert (left.name, right.name) == ("dtype ieee float32", "dtype tf32")
