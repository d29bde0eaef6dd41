"""A fleet on a real dask cluster of processes, one of which is killed on the way."""

import json
import os
import signal

import pytest

from bayescaler.cli import main
from bayescaler.cli.fleet import options_of
from bayescaler.cli.journal import Journal
from bayescaler.cli.standing import flat
from bayescaler.cli.trial import Job
from bayescaler.cli.workloads import in_folder
from bayescaler.replay.startup import constant
from bayescast.scorecard import plain

from .conftest import kept

pytestmark = [
    pytest.mark.jit,  # every worker would be without it
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),  # of distributed's own
]
WORKLOADS = 8
OPTIONS = options_of(
    now=0.0, startup=constant(60.0), lag=15.0, interval=15.0, replica_hour=1.0, overload_hour=0.0, since=None,
    until=None, prometheus=None, min_history=None, seed=0, unit=None, exclude=(), auth=None, utilization=0.7,
)  # fmt: skip


@pytest.fixture
def cluster():
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as made:
        made.wait_for_workers(2)
        yield made


def test_a_worker_killed_on_the_way_costs_no_answer_doubles_none_and_they_are_those_of_this_machine(
    cluster, folder, tmp_path, monkeypatch, capsys
):
    journal, figures, root = tmp_path / "journal", tmp_path / "r.json", folder(WORKLOADS)
    add, at_death = Journal.add, []

    def add_and_kill(self, *answer):
        add(self, *answer)
        if kept(journal) == 4:
            os.kill(cluster.workers[0].process.pid, signal.SIGKILL)
            at_death.append(kept(journal))

    monkeypatch.setattr(Journal, "add", add_and_kill)
    files = f"--resume={journal}", f"--json={figures}"
    main(["backtest", "--all", str(root), f"--dask={cluster.scheduler_address}", *files])

    assert at_death == [4]
    found = json.loads(figures.read_text())
    assert found["left_out"] == []
    assert sorted(row["name"] for row in found["workloads"]) == sorted(f"shop/web-{n}" for n in range(WORKLOADS))
    digests = [json.loads(line)["digest"] for line in journal.read_bytes().splitlines()[1:]]
    assert len(digests) == len(set(digests)) == WORKLOADS
    assert f"{WORKLOADS} workloads" in capsys.readouterr().out

    one = found["workloads"][0]
    (workload,) = (here for here in in_folder(root) if here.name == one["name"])
    assert plain(flat(Job.of(workload, OPTIONS).run())) == one


def test_a_scheduler_without_workers_is_told_with_the_cure(folder, monkeypatch, capsys):
    from distributed import LocalCluster

    from bayescaler.cli import workers

    monkeypatch.setattr(workers, "PATIENCE_SECONDS", 0.5)
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=":0", silence_logs=50) as empty,
        pytest.raises(SystemExit) as ended,
    ):
        main(["backtest", "--all", str(folder(1)), "--dask", empty.scheduler_address])
    assert ended.value.code == 2
    assert f"has no workers: start some with `dask worker {empty.scheduler_address}`" in capsys.readouterr().err
