"""Errands for processes of their own, as the text of a module; and how one waits for their end."""

from __future__ import annotations

import os
import time
from pathlib import Path

ERRANDS = """
import os, signal, sys, threading, time

def add(a, b, *, tell):
    return a + b

def shown(value, *, tell):
    return repr(value)

def several(count, *, tell):
    for number in range(count):
        tell({"number": number})
    return "done"

def slow(count, pause, *, tell):
    for number in range(count):
        time.sleep(pause)
        tell(number)
    return "done"

def large(size, *, tell):
    tell(b"x" * size)
    return b"y" * size

def printing(*, tell):
    print("to standard output")
    sys.stdout.flush()
    os.write(1, b"straight to descriptor 1\\n" * 5000)
    os.system("echo from a child")
    tell("told")
    print("more")
    return "result"

def scribbling(words, closed, *, tell):
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            os.write(descriptor, words)
            if closed:
                os.close(descriptor)
        except OSError:
            pass
    tell("told")
    return "result"

def raising(words, *, tell):
    raise ValueError(words)

def interrupted(*, tell):
    raise KeyboardInterrupt

def leaving(status, *, tell):
    print("going", flush=True)
    os._exit(status)

def exiting(*, tell):
    sys.exit("enough")

def signalled(number, *, tell):
    tell("about to")
    os.kill(os.getpid(), number)
    time.sleep(600)

def crashing(*, tell):
    import ctypes
    ctypes.string_at(0)

def unpicklable(*, tell):
    return lambda: None

def unpicklable_message(*, tell):
    tell(lambda: None)

def waiting(*, tell):
    tell([os.getpid(), os.getppid()])
    time.sleep(600)

def busy(*, tell):
    tell([os.getpid(), os.getppid()])
    while True:
        pass

def holding(*, tell):
    # never returns, and lets no other thread run meanwhile
    import re
    tell([os.getpid(), os.getppid()])
    re.match("(a+)+b", "a" * 60)

def forking(*, tell):
    # one outlives the errand, another goes on with it
    child = os.fork()
    if not child:
        time.sleep(600)
    if not os.fork():
        tell("a message of another process")
        return "a result of another process"
    return child

def escaping(how, pids, *, tell):
    # what it starts is in a session of its own, and outlives it
    import subprocess
    if how == "subprocess":
        pid = subprocess.Popen(["sleep", "600"], start_new_session=True).pid
    elif not (pid := os.fork()):
        os.setsid()
        if how == "twice" and os.fork():
            os._exit(0)
        open(pids, "a").write(f"{os.getpid()}\\n")
        time.sleep(600)
    tell([pid])
    while how != "subprocess" and not os.path.exists(pids):
        time.sleep(0.01)
    if how == "waits":
        time.sleep(600)
    return pid

def about(*, tell):
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "folder": os.getcwd(),
        "path": sys.path,
        "main": sys.modules["__main__"].__name__,
        "ignores": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        "torch": "torch" in sys.modules,
        "environment": dict(os.environ),
    }

def faults(size, *, tell):
    import resource
    import torch
    torch.set_num_threads(1)

    def call():
        return torch.ones(size // 4)

    for _ in range(60):  # until every place that it goes round was touched once
        call()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        call()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20

def heard(path, *, tell):
    tell("first")
    tell("second")
    for _ in range(1500):
        if os.path.exists(path):
            return True
        time.sleep(0.02)
    return False

def threads(*, tell):
    import torch
    def count():
        return len(os.listdir("/proc/self/task"))
    before = count()
    torch.set_num_threads(2)
    torch.randn(4, 64, 64, 64).relu()
    return {"before": before, "after": count(), "cuda": torch.cuda.is_initialized()}

def place(number, *, tell):
    import torch
    from convbench.clock.crew import Order
    from convbench.clock.group_process import _moved
    moved = _moved(Order(seed=1, number=number, session="", seconds=1))
    return [torch.empty(size).data_ptr() for size in (250, 1000, 100_000)]
"""


def gone(pid: int) -> bool:
    """Wait until a process has ended (a zombie has), for as long as the test may hang."""
    while True:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
