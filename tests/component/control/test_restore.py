"""The end of an installation: the floors are put back for good, while the operator still runs."""

import asyncio
import contextlib
import json
import logging
from dataclasses import replace

import pytest

from bayescaler import __version__
from bayescaler.cli import main
from bayescaler.cluster import restoring
from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.restoring import HELD_SECONDS, IN_FLIGHT, Silence, restore_all, silence_operators
from bayescaler.sandbox.server import Fault

from .floors import NEEDED, Floors, raised
from .worlds import CRD, HPA, MINUTE, SETTINGS, TICK, hpa, impatient_recovery

LEADING = replace(SETTINGS, leader_election=True, lease_namespace="default", lease_name="bayescaler")


@pytest.fixture(autouse=True)
def logs_as_before():
    """The command has its own way to log."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
async def world(monkeypatch):
    """One floor, raised by the operator that holds the Lease."""
    impatient_recovery(monkeypatch)
    async with Floors(settings=LEADING) as made:
        await made.until(lambda: made.operator.elector.is_leader, "it leads")
        made.feed(510.0, days=0.2)
        await raised(made)
        assert made.floor() == NEEDED
        yield made


def claim(world, name, *, least):
    """An HPA with a floor that an operator has left."""
    world.apply(hpa(name, least=least))
    notes = {"original-min-replicas": "1", "floor": str(least), "floor-owner": "gone/uid"}
    noted = {"metadata": {"annotations": {f"bayescaler.dev/{key}": value for key, value in notes.items()}}}
    world.server.patch(*HPA, name, noted)


def patch_of(name):
    return lambda request: request.verb == "patch" and request.name == name


async def put_back(world):
    """What `bayescaler restore --all` does, with its wait as long as it takes."""

    async def wait(_seconds):
        await world.until(lambda: not world.operator.elector.is_leader, "the leader has found out")

    async with await KubeClient.connect(world.kubeconfig) as client:
        taken = await silence_operators(client, "default", "bayescaler", sleep=wait)
        return taken, [done async for done in restore_all(client, (None,))]


async def test_a_floor_put_back_stays_so_although_the_operator_still_runs(world):
    taken, done = await put_back(world)
    assert (taken, [(str(one.after), one.after.floor, one.error) for one in done]) == (
        Silence.TAKEN,
        [('HorizontalPodAutoscaler "web"', 2, None)],
    )
    await world.run(2 * MINUTE)
    assert (world.floor(), world.notes()) == (2, {})
    lease = world.server.get("coordination.k8s.io/v1", "Lease", "bayescaler")
    assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseDurationSeconds"]) == (
        "bayescaler-restore",
        HELD_SECONDS,
    )


async def test_one_that_cannot_be_put_back_is_told_and_the_others_are(world):
    claim(world, "other", least=3)
    refused = Fault(match=patch_of("other"), status=403, times=None)
    world.server.faults.add(refused)
    _, done = await put_back(world)
    problems = {one.before.name: one.error for one in done}
    assert problems["web"] is None
    assert "403" in str(problems["other"])
    assert world.floor() == 2


async def test_an_edit_in_the_middle_is_seen_and_the_edited_number_stays(world):
    def edit(request):
        hit = request.verb == "patch" and request.resource == "horizontalpodautoscalers"
        if hit and world.floor() == NEEDED:
            world.set_least(5)
        return False

    world.server.faults.add(Fault(match=edit))
    _, done = await put_back(world)
    assert [one.error for one in done] == [None]
    assert (world.floor(), world.notes()) == (5, {})


async def test_the_command_puts_back_what_an_operator_that_is_no_more_has_left_and_is_on_record(world, capsys):
    await world.running.stop()
    world.server.delete(*CRD, "web")
    words = ["restore", "--all", "--no-stop-operator", f"--kubeconfig={world.kubeconfig}", "--log-format=json"]
    asked = len(world.requests)
    await asyncio.to_thread(main, words)
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        'default: minReplicas of HorizontalPodAutoscaler "web" is 2',
        "1 put back, 0 failed",
    ]
    (record,) = [json.loads(line) for line in said.err.splitlines() if "bayescaler.audit" in line]
    told = {"write": "HorizontalPodAutoscaler default/web", "field": "minReplicas", "before": NEEDED, "after": 2}
    assert record.items() >= (told | {"result": "ok", "why": "bayescaler restore"}).items()
    agents = {request.headers["User-Agent"] for request in world.requests[asked:]}
    assert agents == {f"bayescaler/{__version__} (bayescaler restore)"}
    assert (world.floor(), world.notes()) == (2, {})
    await world.restart()
    await world.run(TICK)


async def test_without_a_place_the_command_says_what_to_give(world, capsys):
    with pytest.raises(SystemExit) as ended:
        await asyncio.to_thread(main, ["restore"])
    assert ended.value.code == 2
    assert "give either --all or --namespace" in capsys.readouterr().err


async def test_many_are_put_back_at_once_and_a_server_that_fails_is_tried_again_ever_later(world):
    for number in range(9):
        claim(world, f"other-{number}", least=9)
    await world.running.stop()
    hold, waits = asyncio.Event(), []
    held = Fault(match=lambda r: r.verb == "patch" and r.name.startswith("other"), hold=hold, status=503, times=None)
    world.server.faults.add(held)

    async def wait(seconds):
        waits.append(seconds)
        if waits.count(1.0) == IN_FLIGHT:
            world.server.faults.clear()

    async def put_all_back():
        async with await KubeClient.connect(world.kubeconfig) as client:
            return [done async for done in restore_all(client, (None,), sleep=wait)]

    putting = asyncio.create_task(put_all_back())
    await world.until(lambda: held.hits == IN_FLIGHT, "so many are under way at once")
    hold.set()
    done = await putting
    assert [one.error for one in done] == [None] * 10
    assert {one.before.name: one.after.floor for one in done} == {"web": 2} | {f"other-{n}": 1 for n in range(9)}
    assert sorted(set(waits))[:2] == [0.5, 1.0]


async def test_each_is_told_when_it_is_known_and_a_slow_one_keeps_back_none(world):
    claim(world, "other", least=3)
    await world.running.stop()
    slow = world.server.faults.add(Fault(match=patch_of("other"), hold=asyncio.Event()))
    told = []
    async with await KubeClient.connect(world.kubeconfig) as client:
        async for done in restore_all(client, (None,)):
            told.append((done.before.name, done.after.floor))
            slow.hold.set()  # not before the first is told
    assert told == [("web", 2), ("other", 1)], "listed the other way round"


async def test_what_is_gone_or_was_put_back_already_is_told_and_is_no_failure(world, capsys, monkeypatch):
    monkeypatch.setattr(restoring, "FIRST_WAIT_SECONDS", 0.0)
    claim(world, "other", least=3)
    await world.running.stop()

    def delete(request):
        if patch_of("other")(request):
            world.server.delete(*HPA, "other")
        return False

    world.server.faults.add(Fault(match=delete))
    world.server.faults.add(Fault(match=patch_of("web"), drop=True, after=True))  # done, and its answer is lost
    words = ["restore", "--all", "--no-stop-operator", f"--kubeconfig={world.kubeconfig}"]
    await asyncio.to_thread(main, words)
    assert sorted(capsys.readouterr().out.splitlines()) == [
        "0 put back, 0 failed",
        'default: HorizontalPodAutoscaler "other" is gone, or was put back already',
        'default: HorizontalPodAutoscaler "web" is gone, or was put back already',
    ]
    assert (world.floor(), world.notes()) == (2, {})


@pytest.mark.parametrize("problem", ["missing", "no right"])
async def test_a_lease_of_another_name_is_said_with_the_cure(world, capsys, problem):
    await world.running.stop()
    if problem == "no right":
        denied = Fault(match=lambda r: r.resource == "leases", status=403, reason="Forbidden", times=None)
        world.server.faults.add(denied)
    words = ["restore", "--all", "--lease-name=bayesscaler", f"--kubeconfig={world.kubeconfig}"]
    ending = contextlib.nullcontext() if problem == "missing" else pytest.raises(SystemExit)
    with ending:
        await asyncio.to_thread(main, words)
    said = capsys.readouterr().err
    assert "Lease default/bayesscaler" in said
    assert "name the one that the operator holds by --lease-namespace and --lease-name" in said
    assert world.floor() == (2 if problem == "missing" else NEEDED)
    world.server.faults.clear()
    await world.restart()
