"""Every rule: facts that make it speak, and facts next to these that do not."""

import pytest

from convbench.machine.advice import Advice, advice
from convbench.machine.fingerprint import fingerprint
from convbench.machine.rules import RULES, SEVERITIES

FINE = {
    "device": "cpu", "threads": 4, "cores_usable": 8, "cores_physical": 8, "load_1min": 0.1,
    "steal_share": 0.0, "cpu_quota_cores": "none", "thread_settings": "none",
    "frequency_governor": "performance", "frequency_mhz": 3000, "frequency_max_mhz": 3200,
    "boost": False, "torch_debug": False, "torch_build_type": "Release", "mkldnn": True,
    "transparent_huge_pages": "madvise", "memory_available_gib": 8.0, "numa_nodes": 1,
    "virtual_machine": False, "denormals_flushed": True, "allocator": "system",
    "aa_believable": True, "aa_excluding_one": 1, "aa_trials": 20, "aa_smallest_percent": 1.2,
    "aa_page_faults_per_call": 0.0, "aa_steal_share": 0.0,
}  # fmt: skip
GPU = {
    **FINE, "device": "cuda:0", "gpu_persistence": True, "gpu_throttled": False,
    "gpu_other_processes": 0, "gpu_clock_mhz": 1900, "gpu_clock_max_mhz": 1980,
    "gpu_temperature_c": 50, "gpu_nvml": "read",
}  # fmt: skip

TABLE = {
    # rule: (facts that make it speak, words in what it says, facts that do not)
    "false differences": (
        {"aa_believable": False, "aa_excluding_one": 7}, "7 of 20", {"aa_believable": True}),
    "no resolution": (
        {"aa_smallest_percent": "none"}, "--budget 30", {"aa_smallest_percent": 4.0}),
    "coarse resolution": (
        {"aa_smallest_percent": 5.34}, "below 5.3 %", {"aa_smallest_percent": 5.0}),
    "busy machine": (
        {"load_1min": 5.0}, "The load of the last minute was 5.0", {"load_1min": 4.4}),
    "steal": ({"aa_steal_share": 0.02}, "hypervisor", {"aa_steal_share": 0.01}),
    "few cores": (
        {"cores_usable": 2, "threads": 2}, "only 2 usable", {"cores_usable": 2, "threads": 1}),
    "more threads than cores": (
        {"threads": 8, "cores_physical": 4, "load_1min": 0}, "Use --threads 4",
        {"threads": 8, "cores_physical": 8, "load_1min": 0}),
    "more threads than usable cores": (
        {"threads": 8, "cores_usable": 4, "cores_physical": 8}, "wait for each other",
        {"threads": 4, "cores_usable": 4, "cores_physical": 8}),
    "quota": ({"cpu_quota_cores": 1.5}, "allows 1.5 core(s) of 8", {"cpu_quota_cores": 8.0}),
    "OMP_NUM_THREADS": (
        {"thread_settings": "OMP_NUM_THREADS=2; MKL_DYNAMIC=1"}, "other than the 4",
        {"thread_settings": "OMP_NUM_THREADS=4,2"}),
    "governor": (
        {"frequency_governor": "schedutil"}, "cpupower", {"frequency_governor": "unknown"}),
    "slow clock": ({"frequency_mhz": 1500}, "1500 MHz of 3200", {"frequency_mhz": 2300}),
    "boost": ({"boost": True}, "no_turbo", {"boost": "unknown"}),
    "debug build": ({"torch_debug": True}, "release build", {"torch_debug": False}),
    "no MKLDNN": ({"mkldnn": False}, "USE_MKLDNN", {"mkldnn": True}),
    "page faults": (
        {"aa_page_faults_per_call": 200.4}, "200 page faults", {"aa_page_faults_per_call": 7.0}),
    "huge pages": (
        {"transparent_huge_pages": "never", "aa_page_faults_per_call": 50.0}, "madvise",
        {"transparent_huge_pages": "never", "aa_page_faults_per_call": 0.0}),
    "little memory": (
        {"memory_available_gib": 0.4}, "Only 0.4 GiB", {"memory_available_gib": "unknown"}),
    "NUMA": (
        {"numa_nodes": 2, "threads": 6}, "numactl", {"numa_nodes": 2, "threads": 4}),
    "virtual machine": ({"virtual_machine": True}, "bare metal", {"virtual_machine": "unknown"}),
    "denormals": (
        {"denormals_flushed": False}, "set_flush_denormal", {"denormals_flushed": True}),
    "GPU persistence": ({"gpu_persistence": False}, "nvidia-smi -pm 1", {"gpu_persistence": True}),
    "GPU throttled": (
        {"gpu_throttled": True}, "1900 MHz of 1980", {"gpu_throttled": "unknown"}),
    "GPU clock": (
        {"aa_sm_clock_low_mhz": 1410, "aa_sm_clock_high_mhz": 1980}, "nvidia-smi -lgc 1410",
        {"aa_sm_clock_low_mhz": 1965, "aa_sm_clock_high_mhz": 1980}),
    "GPU shared": (
        {"gpu_other_processes": 2}, "2 other process", {"gpu_other_processes": 0}),
    "GPU unseen": (
        {"gpu_nvml": "the package nvidia-ml-py is not installed"},
        "are not recorded: the package nvidia-ml-py is not installed.", {"gpu_nvml": "read"}),
    "GPU launches wait": (
        {"gpu_settings": "CUDA_LAUNCH_BLOCKING=1"}, "wait for its kernel",
        {"gpu_settings": "CUDA_LAUNCH_BLOCKING=0"}),
    "GPU without TF32": (
        {"gpu_settings": "NVIDIA_TF32_OVERRIDE=0"}, "whatever PyTorch is set to",
        {"gpu_settings": "NVIDIA_TF32_OVERRIDE=1"}),
    "GPU unusable": (
        {"device": "cpu", "gpu_unusable": "Example is here"}, "not the GPU: Example is here.", {}),
}  # fmt: skip


def base(name):
    return GPU if name.startswith("GPU") else FINE


def names(facts):
    return [each.name for each in advice(facts)]


def test_every_rule_is_in_the_table():
    assert [rule.name for rule in RULES] == list(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_a_rule_speaks(name):
    facts, words, _ = TABLE[name]
    found = {each.name: each for each in advice({**base(name), **facts})}
    assert name in found
    assert words in f"{found[name].cause} {found[name].remedy}"


@pytest.mark.parametrize("name", TABLE)
def test_a_rule_is_silent(name):
    assert name not in names({**base(name), **TABLE[name][2]})


@pytest.mark.parametrize("name", TABLE)
def test_a_rule_says_cause_and_remedy(name):
    facts = {**base(name), **TABLE[name][0]}
    for each in advice(facts):
        for text in (each.cause, each.remedy):
            assert text.endswith(".")
            assert not set(text) & set("{}")
            assert "unknown" not in text


@pytest.mark.parametrize("facts", [FINE, GPU], ids=["cpu", "gpu"])
def test_a_fine_machine_hears_nothing(facts):
    assert advice(facts) == ()


def test_what_is_untold_raises_no_warning():
    assert advice({}) == ()
    untold = dict.fromkeys(GPU, "unknown")
    assert advice({**untold, "device": "cpu"}) == ()
    assert advice({**untold, "device": "cuda:0"}) == ()


def test_the_cpu_s_troubles_are_not_a_gpu_s():
    speaking = {}
    for name in ("governor", "boost", "few cores", "denormals", "no MKLDNN", "busy machine"):
        speaking |= TABLE[name][0]
    assert names({**GPU, **speaking}) == []


def test_the_most_serious_comes_first():
    facts = {**FINE, "virtual_machine": True, "torch_debug": True, "cpu_quota_cores": 1}
    found = advice(facts)
    assert [each.severity for each in found] == ["serious", "warning", "note"]
    assert {rule.severity for rule in RULES} == set(SEVERITIES)


def test_without_a_test_of_its_own_the_steal_since_boot_counts():
    assert names({**FINE, "steal_share": 0.05}) == []
    assert names({**FINE, "steal_share": 0.05, "aa_steal_share": "unknown"}) == ["steal"]


def test_it_works_on_this_machine_with_or_without_an_a_a_test(quiet):
    facts = fingerprint("cpu", 1)
    for each in advice(facts) + advice({**facts, **quiet.facts()}):
        assert isinstance(each, Advice)


def test_the_facts_of_a_resolution_are_those_the_rules_read(quiet):
    assert {key for key in FINE if key.startswith("aa_")} <= quiet.facts().keys()
