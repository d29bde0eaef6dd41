"""Every `bayescaler` command of the runbooks, given beside the running operator; kubectl's own are given under e2e."""

import asyncio
import io
import logging
import os
import shlex
import sys
import time
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest
import yaml
from tests.e2e.harness.runbooks import commands

from bayescaler.cli import kubectl, main
from bayescaler.telemetry.logs import configure

from .installed import HOME, LABELS, install
from .terminal import Terminal
from .worlds import CRD, MINUTE, SHORT, TICK, World, autoscaler, deployment, hpa

SHOP = "shop"
CHARTS = Path(__file__).resolve().parents[3] / "charts"
PROMETHEUS = "http://prometheus.monitoring:9090"
LOG = "operator.log"
GAME = "bayescaler gameday"  # has tests of its own: a game is no question to the operator that runs
OURS = [
    one
    for one in commands()
    if one.line.startswith(("bayescaler ", "kubectl bayescaler ")) and not one.line.startswith(GAME)
]
ONE_WINDOW = 40 * MINUTE
# The doctor answers with 1 where it finds an error.
MAY_FIND = {"doctor"}


def in_shop(obj):
    obj["metadata"]["namespace"] = SHOP
    return obj


@pytest.fixture
def logged(monkeypatch):
    """What the operator writes to standard error."""
    stream = io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", stream)
        configure(form="json", level="info")
    return stream.getvalue


@pytest.fixture
async def shop(capsys, logged, tmp_path, monkeypatch):
    """Checkout, sized for forty minutes until now by the clock on the wall, by which commands go; and a terminal."""
    monkeypatch.chdir(tmp_path)
    async with World(start=time.time() // MINUTE * MINUTE - ONE_WINDOW) as world:
        install(world)
        world.server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP}})
        world.feed(lambda t: 400.0 + 100.0 * ((t // MINUTE) % 3 - 1), days=2.0)
        checkout = autoscaler("checkout", forecast={"history": "2d"})
        await world.begin(in_shop(deployment("checkout")), in_shop(checkout))
        for _ in range(round(ONE_WINDOW / MINUTE)):
            await world.advance(MINUTE)
            await world.tick()
        spec = {"nodeName": "here", "containers": [{"name": "operator", "image": "bayescaler"}]}
        about = {"name": "bayescaler-0", "namespace": HOME, "labels": LABELS}
        world.server.create({"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec})
        logging.getLogger().handlers[0].flush()
        world.server.write_log("bayescaler-0", logged(), namespace=HOME)
        (tmp_path / LOG).write_text(logged())
        told = world.server.get(*CRD, "checkout", namespace=SHOP)
        (tmp_path / "checkout.yaml").write_text(yaml.safe_dump(told))
        monkeypatch.setenv("KUBECONFIG", str(world.kubeconfig))
        yield Terminal(world, capsys)


async def typed(shop, *words, program):
    """Give a command as it stands in a page."""
    shop.capsys.readouterr()
    code = 0
    try:
        await asyncio.to_thread(program, list(words))
    except SystemExit as ended:
        code = int(ended.code or 0)
    shop.out, shop.err = shop.capsys.readouterr()
    return code


async def test_every_command_of_ours_does_what_its_page_says(shop):
    wrong = []
    for one in OURS:
        line = one.typed.replace(PROMETHEUS, shop.world.prometheus.url)
        program, *words = shlex.split(line)
        code = await typed(shop, *words[program == "kubectl" :], program=kubectl if program == "kubectl" else main)
        if not (code == 0 or (code == 1 and MAY_FIND & set(words))):
            wrong.append((one.page, line, code, shop.out[-300:], shop.err[-300:]))
    assert not wrong
    assert len(OURS) >= 40


@pytest.fixture(scope="module")
def binaries():
    """The real kubectl and helm of the end-to-end tests."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))
    from harness import binaries

    try:
        return binaries.find(build=False)
    except binaries.MissingPartError as missing:
        pytest.skip(str(missing))


async def shell(line, binaries, folder):
    """Give a line to a shell that finds the real programs; its exit code and what it said."""
    program, rest = line.split(" ", 1)
    command = shlex.join(map(str, getattr(binaries, program)))
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        f"{command} {rest}",
        env=os.environ | {"HOME": str(folder)},
        cwd=folder,
        stdout=PIPE,
        stderr=STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


@pytest.mark.e2e
async def test_helm_goes_back_and_on_after_what_kubectl_has_set(binaries, tmp_path, monkeypatch):
    (tmp_path / "charts").symlink_to(CHARTS)
    upgrade = f"helm upgrade --install bayescaler charts/bayescaler --namespace {HOME} --set crds.install=false"
    typed = [one.line for one in commands() if one.line.startswith(("helm ", "kubectl set resources"))]
    async with World() as world:
        monkeypatch.setenv("KUBECONFIG", str(world.kubeconfig))
        world.server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
        for line in (upgrade, upgrade, *typed):
            code, said = await shell(line, binaries, tmp_path)
            assert code == 0, f"{line}\n{said}"
        deployment = world.server.get("apps/v1", "Deployment", "bayescaler", namespace=HOME)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert "--interval=30s" in container["args"]
    assert container["resources"]["limits"]["memory"] == "768Mi", "the chart's own again"
    assert len(typed) == 5


@pytest.mark.e2e
async def test_every_command_of_kubectl_is_taken_by_the_real_one(shop, binaries, tmp_path):
    """On the sandbox, which has no nodes to measure; `tests/e2e/test_runbooks.py` has a whole cluster."""
    world = shop.world
    for name in ("reports", "search"):
        world.apply(in_shop(deployment(name)), in_shop(autoscaler(name, **SHORT)))
    world.apply(in_shop(hpa("search")))
    world.server.pod_usage = lambda namespace, pod: (0.3, 1e8)
    image = [{"name": "web", "image": "web:2", "resources": {"requests": {"cpu": "500m"}}}]
    world.server.patch("apps/v1", "Deployment", "checkout", {"spec": {"template": {"spec": {"containers": image}}}},
                       namespace=SHOP)  # fmt: skip
    await world.advance(MINUTE)
    wrong, given = [], dict.fromkeys(one.line for one in commands() if one.line.startswith("kubectl "))
    for line in given:
        if line.startswith(("kubectl bayescaler ", "kubectl top nodes")):
            continue
        code, said = await shell(line, binaries, tmp_path)
        if code:
            wrong.append((line, said))
    assert not wrong


async def test_what_the_pages_say_of_a_pause_of_limits_and_of_scale_in_is_so():
    async with World() as world:
        now = world.clock.now()
        world.feed(lambda t: 500.0 - 300.0 * (t >= now + 20 * MINUTE), days=0.2)
        await world.begin(deployment(replicas=11), autoscaler(**SHORT))
        await world.run(MINUTE)
        world.edit(behavior={"scaleDown": {"selectPolicy": "Disabled"}})
        world.edit(paused=True)
        await world.run(2 * MINUTE)
        world.scale_by_hand(5)
        assert set(await world.run(5 * MINUTE)) == {5}
        assert world.status()["lastDecision"]["message"].endswith("not applied: paused")
        world.edit(paused=False)
        assert (await world.run(2 * TICK))[-1] >= 10, "raised at the next tick"

        most = max(await world.run(20 * MINUTE))
        assert set(await world.run(25 * MINUTE)) == {most}, "the load has gone for good, and nothing is lowered"
        world.edit(maxReplicas=8)
        assert (await world.run(TICK))[-1] == 8, "a lower maximum is kept at once, even so"
        world.edit(maxReplicas=60, behavior=None)

        await world.prometheus.stop()
        await world.run(10 * MINUTE)
        assert world.condition("FallbackActive") == ("True", "Hold")
        world.edit(minReplicas=20)
        assert (await world.run(MINUTE))[-1] == 20, "a floor raises without any data"
