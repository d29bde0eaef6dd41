"""A fleet run that is interrupted leaves what it did, and the same command goes on from there."""

import json

import pytest

from .conftest import kept

pytestmark = pytest.mark.jit  # every worker would be without it
WORKLOADS = 10
# The command, to which Ctrl-C comes while it waits for the workers, once three answers are kept.
INTERRUPTED = """
import signal
from pathlib import Path
from bayescaler.cli import main, workers

wait = workers.wait


def interrupted(*out, **how):
    if Path({journal!r}).read_bytes().count(b"\\n") > 3:  # a title comes first
        signal.raise_signal(signal.SIGINT)
    return wait(*out, **how)


workers.wait = interrupted
main()
"""


def test_ctrl_c_keeps_what_is_done_and_the_same_command_does_the_rest(start, folder, tmp_path):
    journal, figures, root = tmp_path / "journal", tmp_path / "r.json", folder(WORKLOADS)
    asked = ("--all", root, "--resume", journal, "--json", figures, "--workers", "2")

    code, out, err = start(*asked, program=INTERRUPTED.format(journal=str(journal))).ended()

    assert (code, out) == (130, "")
    assert "the same command goes on from there" in err
    assert "Traceback" not in err
    assert not figures.exists()
    before = journal.read_bytes()
    assert 3 <= kept(journal) < WORKLOADS

    with journal.open("ab") as file:
        file.write(b'{"digest": "abc", "row": {"na')  # as a power cut would leave it
    code, out, _ = start(*asked).ended()

    assert code == 0
    assert journal.read_bytes().startswith(before)
    digests = [json.loads(line)["digest"] for line in journal.read_bytes().splitlines()[1:]]
    assert len(digests) == len(set(digests)) == WORKLOADS
    names = [row["name"] for row in json.loads(figures.read_text())["workloads"]]
    assert sorted(names) == sorted(f"shop/web-{number}" for number in range(WORKLOADS))
    assert f"{WORKLOADS} workloads" in out
