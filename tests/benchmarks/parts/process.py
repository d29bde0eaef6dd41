"""What the kernel says of a process, and of the machine while it ran."""

import os
import platform
import subprocess
import sys
from pathlib import Path

MIB = 1024.0  # kilobytes
_TICKS = os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int | str = "self") -> float:
    """Resident memory now, in MiB."""
    return _status(pid, "VmRSS") / MIB


def peak_rss_mib(pid: int | str = "self") -> float:
    """The most resident memory so far, in MiB."""
    return _status(pid, "VmHWM") / MIB


def cpu_seconds(pid: int | str = "self") -> float:
    """User and system time of all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def machine() -> str:
    """One line that says what the numbers were measured on, and how busy it was."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, CPython {platform.python_version()}, load average {load:.1f}"


def fill_kernel_cache() -> None:
    """Compile the kernels in a process that ends: compiling leaves 100 MiB behind, and an image ships them compiled."""
    subprocess.run([sys.executable, "-c", "from bayescaler.policy import warm_up; warm_up()"], check=True)


def ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for the end of a process, for so long at most; tell whether it has ended."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _status(pid: int | str, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1])
    raise LookupError(f"/proc/{pid}/status has no {name}")
