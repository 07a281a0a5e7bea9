"""The processor: model, instructions, cores, quota, caches, frequency, whether it is virtual."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from typing import Any, Final

from convbench.clock.caches import cache_sizes
from convbench.core.sources import UNKNOWN, Read, members, read_file, sysctl, whole

CPUS: Final = "/sys/devices/system/cpu"
CGROUPS: Final = "/sys/fs/cgroup"
TELLING_FLAGS: Final = (
    "sse4_2", "avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16",
    "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16",
    "asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve", "sve2",
)  # fmt: skip
"""Instructions that convolution kernels are chosen by, x86 first, then Arm."""

_GLIBC_CACHE_SIZES: Final = {"l1d": 188, "l2": 191, "l3": 194}  # _SC_LEVEL…_SIZE of glibc


def processor(read: Read = read_file) -> dict[str, Any]:
    """Return the facts of the processor.

    Sizes are KiB, frequencies MHz; `cpu_quota_cores` is what the cgroups allow, in cores, or
    "none". Sources: /proc/cpuinfo, /sys/devices/system, /sys/fs/cgroup; on macOS, sysctl.
    """
    info = read("/proc/cpuinfo")
    logical = os.cpu_count() or UNKNOWN
    physical = _physical_cores(info, read)
    flags = _value(info, "flags") or _value(info, "Features")
    return {
        "cpu": _model(info),
        "cpu_flags": " ".join(f for f in TELLING_FLAGS if f in flags.split()) or UNKNOWN,
        "cores_physical": physical,
        "cores_logical": logical,
        "cores_usable": _usable_cores(),
        "cpu_quota_cores": _quota(read),
        "smt": _smt(read, physical, logical),
        **{f"cache_{level}_kib": size for level, size in _caches(read).items()},
        "numa_nodes": members(read("/sys/devices/system/node/online")) or UNKNOWN,
        "frequency_governor": read(f"{CPUS}/cpu0/cpufreq/scaling_governor") or UNKNOWN,
        "frequency_mhz": _mhz(read, "scaling_cur_freq") or _number(_value(info, "cpu MHz")),
        "frequency_max_mhz": _mhz(read, "cpuinfo_max_freq") or UNKNOWN,
        "boost": _boost(read),
        "virtual_machine": _virtual(flags, read),
    }


def _value(info: str, key: str) -> str:
    """Return the first value of a key in /proc/cpuinfo; empty where it has none."""
    for line in info.splitlines():
        name, sign, value = line.partition(":")
        if sign and name.strip() == key:
            return value.strip()
    return ""


def _model(info: str) -> str:
    # On Arm, /proc/cpuinfo has numbers only; then the architecture's name is all there is.
    told = (_value(info, "model name"), _value(info, "Hardware"), _value(info, "cpu model"))
    return next(filter(None, told), "") or (
        sysctl("machdep.cpu.brand_string") or platform.processor() or UNKNOWN
    )


def _usable_cores() -> int | str:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or UNKNOWN


def _physical_cores(info: str, read: Read) -> int | str:
    socket, cores = "", set()
    for line in info.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "physical id":
            socket = value.strip()
        elif name.strip() == "core id":
            cores.add((socket, value.strip()))
    if not cores:
        cores = {
            ("", siblings)
            for cpu in range(os.cpu_count() or 0)
            if (siblings := read(f"{CPUS}/cpu{cpu}/topology/thread_siblings_list"))
        }
    return len(cores) or whole(sysctl("hw.physicalcpu")) or UNKNOWN


def _smt(read: Read, physical: int | str, logical: int | str) -> bool | str:
    active = read(f"{CPUS}/smt/active")
    if active in {"0", "1"}:
        return active == "1"
    if isinstance(physical, int) and isinstance(logical, int):
        return logical > physical
    return UNKNOWN


def _caches(read: Read) -> dict[str, int | str]:
    """Return the sizes in KiB of one instance of each cache; 0 where there is no such cache."""
    if found := cache_sizes(read):
        return {level: found.get(level, 0) for level in _GLIBC_CACHE_SIZES}
    return {
        level: _glibc_cache(number)
        or (whole(sysctl(f"hw.{level}cachesize")) or 0) // 1024
        or UNKNOWN
        for level, number in _GLIBC_CACHE_SIZES.items()
    }


def _glibc_cache(number: int) -> int:
    if not platform.libc_ver()[0].startswith("glibc"):
        return 0  # these numbers mean other things to another libc
    try:
        return max(0, os.sysconf(number)) // 1024
    except (OSError, ValueError):
        return 0


def _mhz(read: Read, name: str) -> int | None:
    kilohertz = whole(read(f"{CPUS}/cpu0/cpufreq/{name}"))
    return None if kilohertz is None else round(kilohertz / 1000)


def _number(text: str) -> int | str:
    try:
        return round(float(text))
    except ValueError:
        return UNKNOWN


def _boost(read: Read) -> bool | str:
    boost = read(f"{CPUS}/cpufreq/boost")
    no_turbo = read(f"{CPUS}/intel_pstate/no_turbo")
    if boost in {"0", "1"}:
        return boost == "1"
    return no_turbo == "0" if no_turbo in {"0", "1"} else UNKNOWN


def _virtual(flags: str, read: Read) -> bool | str:
    if "hypervisor" in flags.split() or read("/sys/hypervisor/type"):
        return True
    # x86 shows the hypervisor in its flags; other processors tell nothing either way.
    return False if "sse2" in flags.split() else UNKNOWN


def _quota(read: Read) -> float | str:
    """Return the smallest quota of the process's cgroup and those above it, in cores."""
    told = read("/proc/self/cgroup")
    if not told:
        return UNKNOWN
    quotas = []
    for line in told.splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        for folder in _upwards(path):
            if controllers == "":
                quota, _, period = read(f"{CGROUPS}{folder}/cpu.max").partition(" ")
            elif "cpu" in controllers.split(","):
                quota = read(f"{CGROUPS}/cpu{folder}/cpu.cfs_quota_us")
                period = read(f"{CGROUPS}/cpu{folder}/cpu.cfs_period_us")
            else:
                continue
            if (micros := whole(quota)) and (every := whole(period)):
                quotas.append(round(micros / every, 2))
    return min(quotas, default="none")


def _upwards(path: str) -> Iterator[str]:
    """Yield a cgroup's path and those above it, "" last: in a container it is mounted there."""
    parts = path.strip("/").split("/") if path.strip("/") else []
    for length in range(len(parts), -1, -1):
        yield "".join(f"/{part}" for part in parts[:length])
