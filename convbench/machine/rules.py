"""The rules of `advice`: when each applies, what is the cause, what is the remedy.

A new one is an entry in RULES. What is missing or "unknown" is no reason to warn: `number` is then
not-a-number, which no comparison holds for, and `is_` is False.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from convbench.clock.cuda_flags import TF32_OVERRIDE
from convbench.machine.probes.system import setting

STEAL: Final = 0.01  # of the processors' time
SOME_LOAD: Final = 0.5  # beyond what fits on the cores; the load is never quite 0
FEW_CORES: Final = 2
CLOCK_MOVES: Final = 1.02  # times a GPU's lowest clock under load
SLOW_CLOCK: Final = 0.7  # of the highest frequency
COARSE_PERCENT: Final = 5  # a smallest difference above this settles few questions
FAULTS: Final = 8  # page faults a call: memory goes back to the system and comes anew
LITTLE_MEMORY_GIB: Final = 1.0

Severity = Literal["serious", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("serious", "warning", "note")

Facts = Mapping[str, Any]


class Rule(NamedTuple):
    """When to warn of what. `cause` and `remedy` are templates over the facts."""

    name: str
    severity: Severity
    applies: Callable[[Facts], bool]
    cause: str
    remedy: str


def number(facts: Facts, key: str) -> float:
    """Return a numeric fact; not-a-number, which no comparison holds for, where it is untold."""
    value = facts.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value)


def is_(facts: Facts, key: str, *values: Any) -> bool:
    """Whether a fact is told and is one of these."""
    return facts.get(key) in values


def on_cpu(facts: Facts) -> bool:
    """Whether the CPU is what is timed."""
    return is_(facts, "device", "cpu")


def steal(facts: Facts) -> float:
    """Return the steal during the A/A test; that since boot where there was none."""
    during = number(facts, "aa_steal_share")
    return number(facts, "steal_share") if math.isnan(during) else during


def omp_disagrees(facts: Facts) -> bool:
    """Whether OMP_NUM_THREADS is set, and to another number than is used to compute."""
    if not on_cpu(facts):
        return False
    asked = setting(facts.get("thread_settings", ""), "OMP_NUM_THREADS").partition(",")[0]
    return asked.isdecimal() and int(asked) != number(facts, "threads") > 0


def governed(facts: Facts) -> bool:
    """Whether a governor is told that changes the clock rate."""
    told = facts.get("frequency_governor", "unknown")
    return told not in {"unknown", "performance"}


RULES: Final = (
    Rule(
        "false differences", "serious",
        lambda f: is_(f, "aa_believable", False),
        "{aa_excluding_one} of {aa_trials} A/A trials found a difference between a call and "
        "itself; 5 % would be by chance.",
        "Do not believe intervals from here as they are: stop other work, then run `convbench "
        "doctor` again, with a larger --budget; if it stays, use fewer threads or another machine.",
    ),
    Rule(
        "no resolution", "serious",
        lambda f: is_(f, "aa_smallest_percent", "none"),
        "In the A/A test no difference at all would have been found at one of the sizes: its "
        "trials had too few rounds.",
        "Give it more time: `convbench doctor --budget 30`.",
    ),
    Rule(
        "coarse resolution", "warning",
        lambda f: number(f, "aa_smallest_percent") > COARSE_PERCENT,
        "Differences below {aa_smallest_percent:.1f} % cannot be told at one of the sizes.",
        "Stop other work and measure longer (--budget); until then read a "
        "smaller difference as none.",
    ),
    Rule(
        "busy machine", "warning",
        lambda f: on_cpu(f)
        and number(f, "load_1min") + number(f, "threads") > number(f, "cores_usable") + SOME_LOAD,
        "The load of the last minute was {load_1min}; with {threads} thread(s) to time, that is "
        "more than the {cores_usable} usable core(s) can run at once.",
        "Stop what else runs (see `top`), or wait a minute if it was a measurement of yours; or "
        "use fewer --threads.",
    ),
    Rule(
        "steal", "warning",
        lambda f: steal(f) > STEAL,
        "The hypervisor gives more than 1 % of this machine's processor time to others (steal).",
        "Measure at another hour, or on a machine whose cores are not shared (a dedicated "
        "instance, or bare metal).",
    ),
    Rule(
        "few cores", "warning",
        lambda f: on_cpu(f)
        and number(f, "cores_usable") <= FEW_CORES
        and number(f, "threads") >= number(f, "cores_usable"),
        "There are only {cores_usable} usable core(s), and calls are timed on all: whatever else "
        "runs, every call waits for it.",
        "Keep the machine idle; where there are 2, time with --threads 1, so that one stays free.",
    ),
    Rule(
        "more threads than cores", "warning",
        lambda f: on_cpu(f) and number(f, "threads") > number(f, "cores_physical"),
        "{threads} threads run on {cores_physical} physical core(s), so pairs of them share one.",
        "Use --threads {cores_physical} at most.",
    ),
    Rule(
        "more threads than usable cores", "warning",
        lambda f: on_cpu(f) and number(f, "threads") > number(f, "cores_usable"),
        "{threads} threads are to run on {cores_usable} usable core(s): they wait for each other.",
        "Use --threads {cores_usable} at most, or widen the affinity (taskset, cpuset).",
    ),
    Rule(
        "quota", "warning",
        lambda f: number(f, "cpu_quota_cores") < number(f, "cores_usable"),
        "A cgroup quota allows {cpu_quota_cores} core(s) of {cores_usable}: once it is used up, "
        "everything stands still until the next period.",
        "Lift the quota (docker --cpus, Kubernetes limits) and pin cores instead (cpuset), or "
        "use fewer --threads than it allows.",
    ),
    Rule(
        "OMP_NUM_THREADS", "note",
        omp_disagrees,
        "The environment sets a number of OpenMP threads other than the {threads} used here "
        "({thread_settings}); libraries that are not torch may go by it.",
        "Unset OMP_NUM_THREADS, or set it to {threads}.",
    ),
    Rule(
        "governor", "warning",
        lambda f: on_cpu(f) and governed(f),
        "The frequency governor is {frequency_governor}: the clock rate follows the load.",
        "As root: cpupower frequency-set -g performance.",
    ),
    Rule(
        "slow clock", "warning",
        lambda f: on_cpu(f) and is_(f, "frequency_governor", "performance")
        and number(f, "frequency_mhz") < SLOW_CLOCK * number(f, "frequency_max_mhz"),
        "The processor runs at {frequency_mhz} MHz of {frequency_max_mhz}: it is hot, or held "
        "back by a power limit.",
        "Look at cooling and power limits, let it cool, and measure again.",
    ),
    Rule(
        "boost", "note",
        lambda f: on_cpu(f) and is_(f, "boost", True),
        "Boost is on: the clock rate depends on heat and on how many cores work.",
        "Compare only what one run timed together; to hold the rate still, as root write 0 to "
        "/sys/devices/system/cpu/cpufreq/boost, or 1 to …/cpu/intel_pstate/no_turbo.",
    ),
    Rule(
        "debug build", "serious",
        lambda f: is_(f, "torch_debug", True) or is_(f, "torch_build_type", "Debug"),
        "This torch is a debug build: its times are not those of a release.",
        "Install a release build of torch.",
    ),
    Rule(
        "no MKLDNN", "warning",
        lambda f: on_cpu(f) and is_(f, "mkldnn", False),
        "This torch has no oneDNN (MKLDNN): its convolutions on the CPU are slow ones.",
        "Install a build with USE_MKLDNN=ON, as the wheels of pytorch.org are.",
    ),
    Rule(
        "page faults", "note",
        lambda f: on_cpu(f) and number(f, "aa_page_faults_per_call") > FAULTS,
        "The middle-sized call has {aa_page_faults_per_call:.0f} page faults each time: the "
        "allocator ({allocator}) gives memory back and takes it anew.",
        "Keep pages: MALLOC_TRIM_THRESHOLD_=4294967296 MALLOC_MMAP_MAX_=0 in the environment.",
    ),
    Rule(
        "huge pages", "note",
        # Without faults the pages are kept, and then their size matters little.
        lambda f: on_cpu(f) and is_(f, "transparent_huge_pages", "never")
        and number(f, "aa_page_faults_per_call") > FAULTS,
        "Transparent huge pages are off, and calls here do fault their memory in.",
        "As root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled; or keep pages.",
    ),
    Rule(
        "little memory", "warning",
        lambda f: number(f, "memory_available_gib") < LITTLE_MEMORY_GIB,
        "Only {memory_available_gib} GiB of memory are free: the system may swap.",
        "Stop what holds memory before measuring.",
    ),
    Rule(
        "NUMA", "note",
        lambda f: on_cpu(f) and number(f, "numa_nodes") > 1
        and number(f, "threads") * number(f, "numa_nodes") > number(f, "cores_physical"),
        "{threads} threads spread over {numa_nodes} NUMA nodes: where memory lies changes times.",
        "Stay on one: numactl --cpunodebind=0 --membind=0, and no more threads than it has cores.",
    ),
    Rule(
        "virtual machine", "note",
        lambda f: is_(f, "virtual_machine", True),
        "This is a virtual machine: others share its caches, memory and clock rate unseen.",
        "Compare only what one run timed together; for absolute times use bare metal.",
    ),
    Rule(
        "denormals", "note",
        lambda f: on_cpu(f) and is_(f, "denormals_flushed", False),
        "Denormal numbers are computed with, not flushed to 0: inputs that hold some can take "
        "ten times as long.",
        "Nothing, for convbench's own inputs, which hold none; for a model of yours, "
        "torch.set_flush_denormal(True).",
    ),
    Rule(
        "GPU persistence", "warning",
        lambda f: is_(f, "gpu_persistence", False),
        "Persistence mode of the GPU is off: driver and clocks start anew with each process.",
        "As root: nvidia-smi -pm 1.",
    ),
    Rule(
        "GPU throttled", "warning",
        lambda f: is_(f, "gpu_throttled", True),
        "The GPU is held back now, by power or heat ({gpu_clock_mhz} MHz of {gpu_clock_max_mhz}, "
        "{gpu_temperature_c} °C).",
        "Let it cool; look at nvidia-smi -q -d PERFORMANCE; lock a clock it can hold: "
        "nvidia-smi -lgc <MHz>.",
    ),
    Rule(
        "GPU clock", "warning",
        lambda f: number(f, "aa_sm_clock_high_mhz")
        > CLOCK_MOVES * number(f, "aa_sm_clock_low_mhz"),
        "The GPU's clock went from {aa_sm_clock_low_mhz} to {aa_sm_clock_high_mhz} MHz during the "
        "A/A test: it follows load, power and heat.",
        "Lock a clock that it can hold, as root: nvidia-smi -lgc {aa_sm_clock_low_mhz} (undone by "
        "nvidia-smi -rgc).",
    ),
    Rule(
        "GPU shared", "warning",
        lambda f: number(f, "gpu_other_processes") > 0,
        "{gpu_other_processes} other process(es) use this GPU.",
        "Stop them (see nvidia-smi), or choose another with --device cuda:<index>.",
    ),
    Rule(
        "GPU unseen", "warning",
        lambda f: not is_(f, "gpu_nvml", None, "unknown", "read"),
        "Clock, power, slowdowns and other users of the GPU are not recorded: {gpu_nvml}.",
        "pip install nvidia-ml-py; in a container, let it see the driver's library, as with "
        "NVIDIA_DRIVER_CAPABILITIES=compute,utility.",
    ),
    Rule(
        "GPU launches wait", "serious",
        lambda f: setting(f.get("gpu_settings", ""), "CUDA_LAUNCH_BLOCKING") == "1",
        "CUDA_LAUNCH_BLOCKING=1 makes every launch wait for its kernel: event times and issue "
        "times are not those of a program that runs without it.",
        "Unset it.",
    ),
    Rule(
        "GPU without TF32", "warning",
        lambda f: setting(f.get("gpu_settings", ""), TF32_OVERRIDE) == "0",
        "NVIDIA_TF32_OVERRIDE=0 turns TF32 off in NVIDIA's libraries, whatever PyTorch is set to: "
        "data type tf32 is not timed.",
        "Unset it, unless your program runs with it.",
    ),
    Rule(
        "GPU unusable", "serious",
        lambda f: not is_(f, "gpu_unusable", None, "unknown"),
        "The CPU is timed, not the GPU: {gpu_unusable}.",
        "Do that, or time the CPU on purpose with --device cpu.",
    ),
)  # fmt: skip
"""In the order in which they are shown within a severity."""
