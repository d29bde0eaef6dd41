"""Threads for what may hang: what comes of a job goes to whoever asked, and the process ends without them."""

import subprocess
import sys
import threading
from concurrent.futures import wait

import pytest

from bayescaler.control.daemons import Daemons

HANGS = """
import threading
from bayescaler.control.daemons import Daemons
begun = threading.Event()
Daemons(2, name="volume").submit(lambda: (begun.set(), threading.Event().wait()))
begun.wait()
print("over")
"""


def test_results_and_errors_go_to_who_asked_and_the_thread_goes_on():
    daemons = Daemons(1, name="volume")
    with pytest.raises(OSError, match="full"):
        daemons.submit(lambda: (_ for _ in ()).throw(OSError("full"))).result()
    assert daemons.submit(lambda: 7).result() == 7


def test_no_more_run_at_once_than_there_are_threads_and_a_cancelled_job_never_begins():
    daemons, free, ran = Daemons(2, name="volume"), threading.Event(), []
    held = [daemons.submit(free.wait) for _ in range(2)]
    waits = [daemons.submit(lambda number=number: ran.append(number)) for number in range(3)]
    assert waits[1].cancel()
    assert ran == []
    free.set()
    wait([*held, waits[0], waits[2]])
    assert sorted(ran) == [0, 2]


def test_the_process_ends_while_one_hangs():
    done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "over\n")
