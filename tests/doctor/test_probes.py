"""The fingerprint: read from machines made of text, and from this one."""

import getpass
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest_root import ROOT

from convbench.comparing.environment import environments
from convbench.core import sources
from convbench.core.errors import DeviceError
from convbench.core.sources import members, said_by, whole
from convbench.machine.device import memory_free, resolve_device
from convbench.machine.fingerprint import MUST_MATCH, differences, fingerprint
from convbench.machine.probes.code import code, state
from convbench.machine.probes.gpu import gpu, nvml_facts, unusable
from convbench.machine.probes.processor import processor
from convbench.machine.probes.system import cpu_ticks, setting, system
from convbench.machine.probes.torchbuild import build_setting, denormals_flushed

CPU = "/sys/devices/system/cpu"


def machine(files):
    """Return a reader of these files, which are all there are."""
    return lambda path: files.get(path, "")


def cpuinfo(sockets, cores, threads, flags="sse2 avx2 fma"):
    return "\n".join(
        f"processor : 0\nmodel name : Xeon 9\nflags : {flags}\ncpu MHz : 2400.5\n"
        f"physical id : {s}\ncore id : {c}\n"
        for s in range(sockets)
        for c in range(cores)
        for _ in range(threads)
    )


PROCESSORS = [
    # (what, files, facts)
    ("nothing is told", {}, {
        "cpu_flags": "unknown", "cpu_quota_cores": "unknown", "numa_nodes": "unknown",
        "frequency_governor": "unknown", "frequency_mhz": "unknown", "boost": "unknown",
        "frequency_max_mhz": "unknown", "virtual_machine": "unknown",
    }),
    ("a server", {
        "/proc/cpuinfo": cpuinfo(2, 8, 2, "sse2 avx2 avx512f hypervisorless amx_bf16 fma"),
        f"{CPU}/smt/active": "1",
        "/sys/devices/system/node/online": "0-1",
        f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave",
        f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "1200400",
        f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "3800000",
        f"{CPU}/intel_pstate/no_turbo": "0",
    }, {
        "cpu": "Xeon 9", "cpu_flags": "avx2 fma avx512f amx_bf16", "cores_physical": 16,
        "smt": True, "numa_nodes": 2, "frequency_governor": "powersave", "frequency_mhz": 1200,
        "frequency_max_mhz": 3800, "boost": True, "virtual_machine": False,
    }),
    ("a guest", {"/proc/cpuinfo": cpuinfo(1, 2, 1, "sse2 hypervisor")},
     {"virtual_machine": True, "frequency_mhz": 2400, "cores_physical": 2}),
    ("boost off, by either file", {f"{CPU}/cpufreq/boost": "0"}, {"boost": False}),
    ("turbo off", {f"{CPU}/intel_pstate/no_turbo": "1"}, {"boost": False}),
    ("an Arm core", {"/proc/cpuinfo": "processor: 0\nFeatures : asimd sve bf16\n",
                     f"{CPU}/cpu0/topology/thread_siblings_list": "0"},
     {"cpu_flags": "asimd bf16 sve", "virtual_machine": "unknown", "cores_physical": 1}),
    ("caches", {
        f"{CPU}/cpu0/cache/index0/type": "Instruction", f"{CPU}/cpu0/cache/index0/level": "1",
        f"{CPU}/cpu0/cache/index0/size": "64K",
        f"{CPU}/cpu0/cache/index1/type": "Data", f"{CPU}/cpu0/cache/index1/level": "1",
        f"{CPU}/cpu0/cache/index1/size": "48K",
        f"{CPU}/cpu0/cache/index2/type": "Unified", f"{CPU}/cpu0/cache/index2/level": "2",
        f"{CPU}/cpu0/cache/index2/size": "2M",
    }, {"cache_l1d_kib": 48, "cache_l2_kib": 2048, "cache_l3_kib": 0}),
    ("no cgroup quota", {"/proc/self/cgroup": "0::/a", "/sys/fs/cgroup/a/cpu.max": "max 100000"},
     {"cpu_quota_cores": "none"}),
    ("a quota of cgroups v2", {"/proc/self/cgroup": "0::/a/b",
                               "/sys/fs/cgroup/a/b/cpu.max": "150000 100000"},
     {"cpu_quota_cores": 1.5}),
    ("the quota above counts too", {"/proc/self/cgroup": "0::/a/b",
                                    "/sys/fs/cgroup/a/b/cpu.max": "400000 100000",
                                    "/sys/fs/cgroup/a/cpu.max": "200000 100000"},
     {"cpu_quota_cores": 2.0}),
    ("in a container it is at the root", {"/proc/self/cgroup": "0::/",
                                          "/sys/fs/cgroup/cpu.max": "50000 100000"},
     {"cpu_quota_cores": 0.5}),
    ("a quota of cgroups v1", {"/proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/x",
                               "/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "300000",
                               "/sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000"},
     {"cpu_quota_cores": 3.0}),
    ("none of cgroups v1", {"/proc/self/cgroup": "3:cpu:/",
                            "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                            "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
     {"cpu_quota_cores": "none"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "facts"), [row[1:] for row in PROCESSORS], ids=[row[0] for row in PROCESSORS]
)
def test_processor(files, facts):
    found = processor(machine(files))
    assert {key: found[key] for key in facts} == facts


SYSTEMS = [
    # (what, files, environment, facts)
    ("nothing is told", {}, {}, {
        "transparent_huge_pages": "unknown", "memory_available_gib": "unknown",
        "steal_share": "unknown", "allocator": "system", "malloc_settings": "none",
        "thread_settings": "none",
    }),
    ("steal, without guest time twice", {"/proc/stat": "cpu 60 0 20 0 0 0 0 20 900 0\ncpu0 1"}, {},
     {"steal_share": 0.2}),
    ("an old kernel tells no steal", {"/proc/stat": "cpu 60 0 20"}, {}, {"steal_share": "unknown"}),
    ("huge pages", {"/sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]"}, {},
     {"transparent_huge_pages": "never"}),
    ("memory", {"/proc/meminfo": "MemTotal: 9 kB\nMemAvailable: 2097152 kB"}, {},
     {"memory_available_gib": 2.0}),
    ("a preloaded allocator", {"/proc/self/maps": "7f r-xp /home/ann/libjemalloc.so.2\n7e /l.so"},
     {}, {"allocator": "jemalloc"}),
    ("a folder of that name is none", {"/proc/self/maps": "7f /home/jemalloc/libc.so"}, {},
     {"allocator": "system"}),
    ("without maps", {}, {"LD_PRELOAD": "/x/libtcmalloc_minimal.so.4:/y/libz.so"},
     {"allocator": "tcmalloc"}),
    ("variables", {}, {"OMP_NUM_THREADS": "4", "MALLOC_TRIM_THRESHOLD_": "-1", "HOME": "/home/ann",
                       "KMP_AFFINITY": "granularity=fine,compact,1,0"},
     {"thread_settings": "OMP_NUM_THREADS=4; KMP_AFFINITY=granularity=fine,compact,1,0",
      "malloc_settings": "MALLOC_TRIM_THRESHOLD_=-1"}),
    ("a path in a variable is not told", {}, {"MALLOC_CONF": "prof_prefix:/home/ann/heap"},
     {"malloc_settings": "MALLOC_CONF=set"}),
    ("an empty variable is not set", {}, {"OMP_NUM_THREADS": ""}, {"thread_settings": "none"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "variables", "facts"), [row[1:] for row in SYSTEMS], ids=[row[0] for row in SYSTEMS]
)
def test_system(files, variables, facts):
    found = system(machine(files), variables)
    assert {key: found[key] for key in facts} == facts


def test_ticks_are_counted_once():
    assert cpu_ticks(machine({"/proc/stat": "cpu 1 2 3 4 5 6 7 8 9 9"})) == (8, 36)
    assert cpu_ticks(machine({})) == (0, 0)


@pytest.mark.parametrize(
    ("name", "value"), [("OMP_NUM_THREADS", "4,2"), ("KMP_AFFINITY", "a=b,c"), ("MKL_DYNAMIC", "")]
)
def test_a_setting_is_found_again(name, value):
    told = system(machine({}), {"OMP_NUM_THREADS": "4,2", "KMP_AFFINITY": "a=b,c"})
    assert setting(told["thread_settings"], name) == value


@pytest.mark.parametrize(
    ("text", "number"), [("32K", 32), ("7", 7), ("max", None), ("", None), ("-1", None)]
)
def test_a_number_at_the_beginning(text, number):
    assert whole(text) == number


@pytest.mark.parametrize(
    ("ranges", "count"), [("0", 1), ("0-3", 4), ("0-3,8,10-11", 7), ("", None), ("a-b", None)]
)
def test_members_of_a_list(ranges, count):
    assert members(ranges) == count


CONFIG = (
    "  - Build settings: BLAS_INFO=mkl, BUILD_TYPE=Release, CXX_COMPILER=/opt/rh/bin/c++, "
    "CXX_FLAGS= -O2 -Wall, USE_MKLDNN=ON, TORCH_VERSION=2.13.0, "
)


@pytest.mark.parametrize(
    ("name", "value"),
    [("BLAS_INFO", "mkl"), ("BUILD_TYPE", "Release"), ("USE_MKLDNN", "ON"),
     ("CXX_COMPILER", "unknown"), ("CXX_FLAGS", "unknown"), ("USE_MAGIC", "unknown"),
     ("INFO", "unknown")],
)  # fmt: skip
def test_a_build_setting(name, value):
    assert build_setting(CONFIG, name) == value


def test_denormals_flushed_is_what_is_in_force():
    import torch

    assert denormals_flushed() is False
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush denormals")
    try:
        assert denormals_flushed() is True
    finally:
        torch.set_flush_denormal(False)


STATES = [
    ("clean", "# branch.oid 0123456789abcdef0123\n# branch.head main", "0123456789ab", False),
    ("dirty", "# branch.oid 0123456789abcdef0123\n1 .M N... a b c f.py", "0123456789ab", True),
    ("nothing committed", "# branch.oid (initial)\n# branch.head main", "none", False),
    ("no answer", "", "unknown", "unknown"),
]


@pytest.mark.parametrize(
    ("said", "commit", "dirty"), [row[1:] for row in STATES], ids=[row[0] for row in STATES]
)
def test_git_state(said, commit, dirty):
    assert state(said) == {"git_commit": commit, "git_dirty": dirty}


def test_without_git_or_outside_of_it_nothing_fails(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert code() == {"git_commit": "unknown", "git_dirty": "unknown"}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code() == {"git_commit": "unknown", "git_dirty": "unknown"}


RUNS = {
    "clean": "filter.{name}.clean",
    "process": "filter.{name}.process",
    "monitor": "core.fsmonitor",
}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("where", [".gitattributes", ".git/info/attributes"])
@pytest.mark.parametrize("name", ["one", "a=b", "Two.parts", "ev\udcffil"])
@pytest.mark.parametrize("kind", RUNS)
def test_nothing_that_a_folder_configures_is_run(kind, name, where, tmp_path, monkeypatch):
    folder, ran = tmp_path / "folder", tmp_path / "ran"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sources, "COMMAND_SECONDS", 60)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "somebody")

    def git(*words):
        subprocess.run(["git", "-c", "user.email=a@b.c", *words], check=True, capture_output=True)

    git("init")
    (folder / "a.txt").write_text("a")
    (folder / where).write_bytes(os.fsencode(f"*.txt filter={name}\n"))
    git("add", ".")
    git("commit", "-m", "all")
    assert code()["git_dirty"] is False
    git("config", RUNS[kind].format(name=name), f"touch {ran}; cat")
    (folder / "a.txt").write_text("b")
    found = code()
    assert not ran.exists()
    assert found["git_dirty"] is True
    assert len(found["git_commit"]) == 12
    subprocess.run(["git", "status"], check=False, capture_output=True)
    assert ran.exists(), "git itself runs it"


def test_a_slow_command_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(sources, "COMMAND_SECONDS", 0.01)
    assert said_by(sys.executable, "-c", "import time; time.sleep(60); print('late')") == ""


class Nvml:
    """A stand-in for pynvml: one card, found by its UUID, with a driver that refuses some."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def __init__(self, pids=(), reasons=0, instances=()):
        self.pids, self.reasons, self.open, self.instances = pids, reasons, 0, instances

    def nvmlInit(self):  # noqa: N802
        self.open += 1

    def nvmlShutdown(self):  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        if uuid in self.instances:
            return "instance"
        if uuid != "GPU-abc" or self.instances:
            raise RuntimeError("not found")
        return "card"

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, part):  # noqa: N802
        if part != "instance":
            raise RuntimeError("invalid argument")
        return "card"

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return f"card {index}"

    def nvmlDeviceGetName(self, card):  # noqa: N802
        return f"Example {card}"

    def nvmlSystemGetDriverVersion(self):  # noqa: N802
        return b"550.1"

    def nvmlDeviceGetClockInfo(self, card, kind):  # noqa: N802
        assert card == "card", "an instance has no clock of its own"
        return {self.NVML_CLOCK_SM: 1200, self.NVML_CLOCK_MEM: 2600}[kind]

    def nvmlDeviceGetMaxClockInfo(self, card, kind):  # noqa: N802
        return 1980

    def nvmlDeviceGetPersistenceMode(self, card):  # noqa: N802
        return 1

    def nvmlDeviceGetEnforcedPowerLimit(self, card):  # noqa: N802
        return 699_600

    def nvmlDeviceGetEccMode(self, card):  # noqa: N802
        return [1, 0]

    def nvmlDeviceGetMigMode(self, card):  # noqa: N802
        return [int(bool(self.instances)), 0]

    def nvmlDeviceGetComputeMode(self, card):  # noqa: N802
        return 3

    def nvmlDeviceGetMemoryInfo(self, part):  # noqa: N802
        return SimpleNamespace(free={"card": 2**35, "instance": 2**33}[part])

    def nvmlDeviceGetTemperature(self, card, kind):  # noqa: N802
        raise RuntimeError("not supported")

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, card):  # noqa: N802
        return self.reasons

    def nvmlDeviceGetComputeRunningProcesses(self, part):  # noqa: N802
        assert part == ("instance" if self.instances else "card"), "only the part that is used"
        return [SimpleNamespace(pid=pid) for pid in self.pids]


def test_nvml_facts():
    nvml = Nvml(pids=(os.getpid(), 1, 2), reasons=0x4)
    assert nvml_facts(nvml, "abc") == {
        "gpu_driver": "550.1", "gpu_clock_mhz": 1200, "gpu_clock_max_mhz": 1980,
        "gpu_memory_clock_mhz": 2600, "gpu_persistence": True, "gpu_power_limit_w": 700,
        "gpu_ecc": True, "gpu_mig": False, "gpu_compute_mode": "exclusive process",
        "gpu_temperature_c": "unknown", "gpu_throttled": True, "gpu_other_processes": 2,
        "gpu_nvml": "read",
    }  # fmt: skip
    assert nvml.open == 0


def test_an_instance_of_a_divided_card_is_found_and_its_card_asked():
    found = nvml_facts(Nvml(pids=(1,), instances=("MIG-abc",)), "abc")
    assert found["gpu_mig"] is True
    assert (found["gpu_clock_mhz"], found["gpu_other_processes"]) == (1200, 1)


@pytest.mark.parametrize(
    ("reasons", "throttled"),
    [(0, False), (0x1, False), (0x2 | 0x100, False), (0x1 | 0x8, True), (0x40, True)],
)
def test_idling_is_no_throttling(reasons, throttled):
    assert nvml_facts(Nvml(reasons=reasons), "abc")["gpu_throttled"] is throttled


@pytest.mark.parametrize(
    ("pids", "ours", "others"),
    [
        ((), False, 0),
        ((os.getpid(),), True, 0),
        ((1,), False, 1),  # this process has no context, so it is another one
        ((1,), True, 0),  # it has one, and in a container another number
        ((1, 2), True, 1),
        ((1, 2), False, 2),
        ((os.getpid(), 2), False, 1),
    ],
)
def test_processes_beside_this_one(pids, ours, others):
    assert nvml_facts(Nvml(pids=pids), "abc", ours=ours)["gpu_other_processes"] == others


def test_without_nvml_or_with_a_broken_one_all_is_unknown_and_why_is_said():
    class Broken(Nvml):
        def nvmlInit(self):  # noqa: N802
            raise OSError("no driver")

    for nvml, uuid, why in (
        (None, "abc", "the package nvidia-ml-py is not installed"),
        (Broken(), "abc", "the driver's library does not answer (OSError: no driver)"),
        (Nvml(), "other", "the driver's library does not know the device"),
    ):
        found = nvml_facts(nvml, uuid)
        assert found.pop("gpu_nvml") == why
        assert set(found.values()) == {"unknown"}, "another card's facts would be worse than none"


@pytest.fixture
def box(monkeypatch):
    """Return a function that makes torch, NVML and the environment those of another machine."""

    def make(*, capability=(9, 0), built=("sm_80", "sm_90"), visible=None, nvml=None, **facts):
        monkeypatch.setitem(sys.modules, "pynvml", nvml)
        monkeypatch.setattr(unusable, "__defaults__", (lambda path: "",))  # no driver's files
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        count = facts.get("count", 1 if facts.get("error") is None else 0)
        monkeypatch.setattr(torch.version, "cuda", facts.get("cuda", "13.0"))
        monkeypatch.setattr(torch, "__version__", "2.13.0")
        cuda = {
            "is_available": lambda: count > 0,
            "device_count": lambda: count,
            "get_device_capability": lambda index: capability,
            "get_arch_list": lambda: list(built),
            "get_device_name": lambda index: "Example",
            "get_device_properties": lambda device: SimpleNamespace(
                name="Example", uuid="abc", total_memory=80 * 2**30, major=9, minor=0,
                multi_processor_count=132, L2_cache_size=50 * 2**20,
            ),
            "init": lambda: (_ for _ in ()).throw(RuntimeError(facts["error"])),
        }  # fmt: skip
        for name, stand_in in cuda.items():
            monkeypatch.setattr(torch.cuda, name, stand_in)

    return make


OLD_DRIVER = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
    "driver by downloading and installing a new version from the URL: http://www.nvidia.com"
)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"nvml": Nvml(), "cuda": None, "count": 0},
         "torch 2.13.0 cannot use this machine's GPU (Example card 0): this torch was built "
         "without CUDA; install a CUDA build (pytorch.org/get-started)"),
        ({"nvml": Nvml(), "error": OLD_DRIVER},
         "torch 2.13.0 cannot use this machine's GPU (Example card 0): The NVIDIA driver on your "
         "system is too old (found version 11040); see what `nvidia-smi` says, update the driver, "
         "or install a torch built for the driver's CUDA (this one is for CUDA 13.0)"),
        ({"capability": (6, 1)},
         "Example has compute capability 6.1 and torch 2.13.0 was built for sm_80, sm_90; install "
         "another build of torch (pytorch.org/get-started)"),
        ({"capability": (12, 0)}, "Example has compute capability 12.0 and torch 2.13.0 was built"),
        ({"capability": (12, 0), "built": ("sm_90a", "compute_90")}, ""),  # compiled when it loads
        ({"capability": (8, 9)}, ""),  # code for 8.0 runs on it
        ({"capability": (9, 0), "built": ("gfx90a",)}, ""),  # another maker's names
        ({"cuda": None, "count": 0}, ""),  # no card is known of
        ({"nvml": Nvml(), "error": OLD_DRIVER, "visible": ""}, ""),  # a choice
        ({"nvml": Nvml(), "error": OLD_DRIVER, "visible": "-1"}, ""),
        ({"nvml": Nvml(), "error": OLD_DRIVER, "visible": "0"}, "torch 2.13.0 cannot use"),
    ],
)  # fmt: skip
def test_a_gpu_that_torch_cannot_use_is_told_with_the_remedy(box, facts, said):
    box(**facts)
    found = unusable()
    assert found.startswith(said)
    assert bool(found) is bool(said)
    assert resolve_device("auto") == ("cuda:0" if facts.get("count") != 0 and not said
                                      and "error" not in facts else "cpu")  # fmt: skip
    assert gpu("cpu").get("gpu_unusable", "") == found


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {"error": OLD_DRIVER},
            "too old .found version 11040.; see what `nvidia-smi` says, update",
        ),
        ({"cuda": None, "count": 0}, "built without CUDA; install a CUDA build .*--device cpu"),
        ({"capability": (6, 1)}, "compute capability 6.1 .*install another build .*--device cpu"),
    ],
)
def test_asked_for_by_name_it_is_refused_with_the_remedy(box, facts, said):
    box(**facts)
    with pytest.raises(DeviceError, match=said):
        resolve_device("cuda:0")


def test_the_parent_of_a_run_leaves_no_context_on_the_gpu(box, monkeypatch):
    def starts_a_context(*_):
        raise AssertionError("torch.cuda.mem_get_info starts a context")

    monkeypatch.setattr(torch.cuda, "mem_get_info", starts_a_context)
    box(nvml=Nvml())
    assert memory_free("cuda:0") == 2**35
    box(nvml=Nvml(instances=("MIG-abc",)))
    assert memory_free("cuda:0") == 2**33, "of the instance alone"
    box()
    assert memory_free("cuda:0") == 80 * 2**30, "without NVML all of it"


def test_what_changes_times_on_a_gpu_is_recorded_and_must_match(box):
    box(nvml=Nvml())
    variables = {"NVIDIA_TF32_OVERRIDE": "0", "CUDA_LAUNCH_BLOCKING": "1", "HOME": "/home/x"}
    found = gpu("cuda:0", read=lambda path: "", environment=variables)
    assert found["gpu_settings"] == "CUDA_LAUNCH_BLOCKING=1; NVIDIA_TF32_OVERRIDE=0"
    assert found["cudnn_depthwise_kernel"] == getattr(
        torch.backends.cudnn, "depthwise_kernel", "unknown"
    )
    must = {
        "gpu_settings", "gpu_power_limit_w", "gpu_clock_max_mhz", "gpu_mig", "gpu_ecc",
        "gpu_multiprocessors", "cudnn_depthwise_kernel",
    }  # fmt: skip
    assert must <= found.keys()
    assert must <= set(MUST_MATCH)
    moments = {
        "gpu_clock_mhz": 345, "gpu_temperature_c": 31, "gpu_other_processes": 3,
        "gpu_throttled": True, "gpu_memory_clock_mhz": 405,
    }  # fmt: skip
    assert environments(found, {**found, **moments}) == ()
    assert [d.key for d in environments(found, {**found, "gpu_ecc": False}) if d.in_the_way] == [
        "gpu_ecc"
    ]


def test_on_a_cpu_there_is_no_gpu(box):
    box(cuda=None, count=0)
    assert gpu("cpu") == {"gpu": "none", "gpu_driver": "none"}


# --- the fingerprint of this machine -------------------------------------------------------

OLD_KEYS = (
    "convbench", "device", "threads", "cpu", "cpu_capability", "cores_logical", "cores_usable",
    "memory_gib", "machine", "system", "kernel", "frequency_governor", "load_1min", "python",
    "torch", "mkldnn", "openmp", "matmul_precision", "numpy", "fvcore", "gpu", "gpu_driver",
    "cuda", "cudnn",
)  # fmt: skip


def test_the_fingerprint_is_flat_and_has_all_that_older_runs_had():
    found = fingerprint("cpu", 1)
    assert len(found) >= 50
    assert set(OLD_KEYS) <= found.keys()
    of_a_gpu = {key for key in MUST_MATCH if key.startswith(("gpu_", "cudnn_"))}
    told = set(MUST_MATCH) - (of_a_gpu - {"gpu_driver"}) - {"stopwatch"}  # it where a run names it
    assert told <= found.keys()
    assert {type(value) for value in found.values()} <= {str, int, float, bool}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_it_tells_no_host_no_user_and_no_path(monkeypatch):
    monkeypatch.setenv("MALLOC_CONF", str(ROOT))
    told = "\n".join(str(value) for value in fingerprint("cpu", 1).values())
    assert "/" not in told
    assert "\\" not in told
    words = set(re.findall(r"[\w.-]+", told))
    assert not words & {socket.gethostname(), getpass.getuser(), Path.cwd().name, Path.home().name}


def test_two_of_one_machine_match():
    assert differences(fingerprint("cpu", 1), fingerprint("cpu", 1)) == []


def test_several_numbers_of_threads_survive_json():
    assert fingerprint("cpu", (1, 2))["threads"] == "1, 2"
    assert fingerprint("cpu", (2,))["threads"] == fingerprint("cpu", 2)["threads"] == 2


DIFFERENCES = [
    ({"cpu": "a", "load_1min": 0.1}, {"cpu": "a", "load_1min": 9.0}, []),
    ({"cpu": "a"}, {"cpu": "b"}, ["cpu was 'a' and is 'b'"]),
    ({"cpu": "a"}, {"cpu": "a", "boost": True}, []),  # an older run did not look
    ({"boost": True}, {}, ["boost was True and is None"]),
]


@pytest.mark.parametrize(("before", "now", "said"), DIFFERENCES)
def test_differences(before, now, said):
    assert differences(before, now) == said


def test_where_nothing_can_be_read_nothing_fails():
    """A system with no /proc, no /sys, no sysconf, no git: all is unknown, nothing raises."""
    code = (
        "import os, torch\n"
        "from pathlib import Path\n"
        "def deny(*a, **k): raise OSError('no')\n"
        "plain = Path.read_text\n"
        "def read(self, **k):\n"
        "    return deny() if str(self).startswith(('/proc', '/sys')) else plain(self, **k)\n"
        "Path.read_text = read\n"
        "for name in ('sysconf', 'getloadavg', 'confstr'): setattr(os, name, deny)\n"
        "del os.sched_getaffinity\n"
        "os.environ['PATH'] = ''\n"
        "from convbench.machine.fingerprint import fingerprint\n"
        "found = fingerprint('cpu', 1)\n"
        "assert list(found.values()).count('unknown') > 12, found"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
