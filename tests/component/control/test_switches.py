"""`kubectl bayescaler pause`, `resume`, `observe` and `auto` beside the running operator."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from bayescaler.cli.completion import for_kubectl

from .terminal import OURS, Terminal
from .worlds import MINUTE, World, autoscaler, deployment

PAGE = Path(__file__).resolve().parents[3] / "docs/kubectl-plugin.md"
SHORT = {"forecast": {"history": "2h", "seasons": []}}


@pytest.fixture
async def terminal(capsys):
    """A workload that load of 400/s has raised to 8 and more, and a terminal."""
    async with World() as world:
        world.feed(400.0, days=0.2)
        await world.begin(deployment(), autoscaler(maxReplicas=20, **SHORT))
        await world.run(2 * MINUTE)
        yield Terminal(world, capsys)


def spec(world, name="web"):
    return world.server.get("bayescaler.dev/v1alpha1", "BayesianAutoscaler", name)["spec"]


async def test_a_paused_object_scales_nothing_until_it_is_resumed_by_the_command_that_was_told(terminal):
    world = terminal.world
    before = world.replicas()
    told = await terminal.told("pause", "web")
    assert told.startswith("default/web: paused: spec.paused false -> true\n")
    assert "undo:    kubectl bayescaler resume web -n default\n" in told
    world.scale_by_hand(2)
    await world.run(2 * MINUTE)
    assert (world.replicas(), world.condition("Paused")[0]) == (2, "True")

    undo = next(line for line in told.splitlines() if "undo:" in line).split("kubectl bayescaler ")[1]
    assert "resumed: spec.paused true -> false" in await terminal.told(*undo.split())
    await world.run(2 * MINUTE)
    assert world.replicas() == before >= 8


async def test_more_set_by_hand_under_a_pause_is_kept_for_the_scale_down_window_after_it(terminal):
    world = terminal.world
    before = world.replicas()
    await terminal.told("pause", "web")
    await world.run(MINUTE)
    world.scale_by_hand(18)
    await world.run(10 * MINUTE)
    await terminal.told("resume", "web")
    assert set(await world.run(4 * MINUTE)) == {18}
    assert (await world.run(2 * MINUTE))[-1] == before


async def test_observe_and_auto_set_the_mode_and_each_undoes_the_other(terminal):
    told = await terminal.told("observe", "deploy/web")
    assert "spec.mode Auto -> Observe" in told
    assert "undo:    kubectl bayescaler auto web -n default" in told
    terminal.world.scale_by_hand(2)
    await terminal.world.run(MINUTE)
    assert terminal.world.replicas() == 2
    await terminal.told("auto", "web")
    await terminal.world.run(2 * MINUTE)
    assert terminal.world.replicas() >= 8


async def test_back_to_floor_is_a_patch_as_no_verb_has_it(terminal):
    terminal.world.edit(mode="Floor")
    told = await terminal.told("observe", "web")
    assert """undo:    kubectl patch bas web -n default --type merge -p '{"spec":{"mode":"Floor"}}'""" in told


async def test_what_is_so_already_is_not_written(terminal):
    seen = len(terminal.world.requests)
    assert await terminal.told("resume", "web") == "default/web: unchanged, spec.paused is false already\n"
    assert ("bayesianautoscalers", "") not in terminal.world.writes(seen)


@pytest.mark.parametrize(("kind", "shown"), [("client", "(dry run)"), ("server", "(server dry run)")])
async def test_a_dry_run_tells_the_same_and_changes_nothing(terminal, kind, shown):
    told = await terminal.told("pause", "web", f"--dry-run={kind}")
    assert f"default/web: paused {shown}: spec.paused false -> true" in told
    assert spec(terminal.world)["paused"] is False


async def test_the_changed_object_as_json_and_under_whose_name_it_was_changed(terminal):
    changed = json.loads(await terminal.told("pause", "web", "-ojson"))
    assert (changed["kind"], changed["spec"]["paused"]) == ("BayesianAutoscaler", True)
    assert "kubectl-bayescaler" in {entry["manager"] for entry in changed["metadata"]["managedFields"]}


async def test_many_are_switched_by_labels_or_all_at_once(terminal):
    world = terminal.world
    shop = autoscaler("shop", **SHORT)
    shop["metadata"]["labels"] = {"team": "shop"}
    world.apply(deployment("shop"), shop)
    assert "default/shop: paused" in await terminal.told("pause", "-l", "team=shop")
    assert (spec(world, "shop")["paused"], spec(world)["paused"]) == (True, False)
    told = await terminal.told("pause", "--all")
    assert "default/shop: unchanged" in told
    assert "default/web: paused" in told
    assert json.loads(await terminal.told("resume", "--all", "-ojson"))["kind"] == "List"


async def test_the_page_shows_what_comes_out(terminal):
    marks = {"metadata": {"labels": {"argocd.argoproj.io/instance": "shop"}}}
    terminal.world.server.patch("bayescaler.dev/v1alpha1", "BayesianAutoscaler", "web", marks)
    shown = re.search(r"<!-- story: pause -->\n```text\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    assert await terminal.told("pause", "web") == shown


@pytest.mark.parametrize(
    ("marks", "who"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:default/web"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "Flux"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm"),
        ({"labels": {"app.kubernetes.io/managed-by": "somebody"}}, None),
    ],
)  # fmt: skip
async def test_who_has_it_in_a_manifest_is_told_that_it_comes_back(terminal, marks, who):
    terminal.world.server.patch("bayescaler.dev/v1alpha1", "BayesianAutoscaler", "web", {"metadata": marks})
    told = await terminal.told("pause", "web")
    assert ("warning:" in told) == (who is not None)
    if who is not None:
        assert f"warning: {who} applies this object, and puts the manifest back" in told


async def test_resumed_in_mode_auto_while_paused_says_that_nothing_is_written_yet(terminal):
    terminal.world.edit(mode="Observe", paused=True)
    assert "it is paused: nothing is written" in await terminal.told("auto", "web")


async def test_who_may_not_patch_is_told_so_in_one_line(terminal):
    terminal.becomes({**OURS, "verbs": ["get", "list"]})
    assert await terminal("pause", "web") == 2
    (line,) = terminal.err.splitlines()
    assert "403" in line
    assert 'cannot patch resource "bayesianautoscalers"' in line
    assert spec(terminal.world)["paused"] is False


@pytest.mark.parametrize("argv", [["pause"], ["pause", "web", "--all"], ["pause", "--all", "-l", "a=b"]])
async def test_what_is_meant_has_to_be_said_in_one_way(terminal, argv):
    assert await terminal(*argv) == 2
    assert "give either names, --selector or --all" in terminal.err


async def test_what_is_not_there_is_exit_code_one(terminal):
    assert await terminal("pause", "nobody") == 1
    assert "there is no BayesianAutoscaler nobody in namespace default" in terminal.err
    assert await terminal("pause", "-l", "no=such") == 0
    assert terminal.err == "bayescaler: no object is selected\n"


async def test_a_shell_completes_names_of_objects_and_namespaces(terminal, monkeypatch):
    async def completed(*words):
        monkeypatch.setenv("KUBECONFIG", str(terminal.kubeconfig))
        monkeypatch.setattr(sys, "argv", ["kubectl_complete-bayescaler", *words])
        terminal.capsys.readouterr()
        await asyncio.to_thread(for_kubectl)
        return terminal.capsys.readouterr().out

    terminal.world.apply(autoscaler("worker", **SHORT))
    assert await completed("pause", "we") == "web\tDeployment web\n:4\n"
    assert await completed("pause", "web", "w") == "worker\tDeployment worker\n:4\n"
    assert await completed("explain", "w") == "web\tDeployment web\nworker\tDeployment worker\n:4\n"
    assert (await completed("doctor", "we")).startswith("web\tDeployment web\n")
    assert (await completed("doctor", "fore")).startswith("forecast\t")
    assert (await completed("doctor", "--oper")).startswith("--operator-namespace\t")
    assert (await completed("doctor", "web", "--oper")).startswith("--operator-namespace\t")
    assert await completed("top", "-n", "def") == "default\t\n:4\n"
    terminal.kubeconfig = terminal.kubeconfig.with_name("none")
    assert await completed("pause", "w") == ":4\n"
