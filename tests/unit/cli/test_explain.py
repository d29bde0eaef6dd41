"""`bayescaler explain` of a saved log, without any cluster; times as people write them; completion."""

import json
import os
import subprocess
import sys
import time
import tomllib
from datetime import datetime
from importlib import import_module
from pathlib import Path

import click
import pytest

from bayescaler.cli import kubectl, main
from bayescaler.cli.completion import for_kubectl
from bayescaler.cli.decisions import KEPT_BEFORE, DecisionLog
from bayescaler.cli.explain import Moment

ROOT = Path(__file__).resolve().parents[3]
NOON = 1_772_452_800.0


def stamp(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def line(minute, final, *, name="shop/web", **more):
    """One record of the log, so many minutes after noon."""
    at = stamp(NOON + 60.0 * minute)
    decision = {
        "version": 1, "at": at, "generation": 3, "rung": "Predictive", "phase": "Trusted", "load": 100.0 * final / 3,
        "demand": 50.0 * final, "current": final - 1, "raw": final, "final": final, "limiter": "Forecast",
        "unit": "/s", "spec": {"mode": "Auto", "capacity": {"perReplica": 50}},
        "steps": [{"limiter": "Forecast", "before": final - 1, "after": final, "why": "load expected"}], **more,
    }  # fmt: skip
    told = {"timestamp": at, "level": "info", "logger": "bayescaler.decisions", "message": f"{final} replicas",
            "object": name, "decision": decision}  # fmt: skip
    return json.dumps(told)


LOG = [
    "starting",
    json.dumps({"timestamp": stamp(NOON - 3600.0), "level": "info", "logger": "x", "message": "posterior built"}),
    line(0, 3),
    line(1, 50, name="shop/other"),
    line(10, 4),
    f"[pod/bayescaler-0/operator] {line(20, 5)}",
    f"2026-03-02T12:30:00.1Z {line(30, 6)}",
    line(30, 6),
    line(40, 7)[:-40],
    "Traceback (most recent call last):",
    line(50, 8),
    "{" * 5000,
]


@pytest.fixture
def explain(tmp_path, capsys, monkeypatch):
    """The command on a saved log, where no cluster is configured."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*argv, lines=LOG):
        log, code = tmp_path / "operator.log", 0
        log.write_text("".join(f"{one}\n" for one in lines))
        try:
            main(["explain", *argv, "-n", "shop", f"--log={log}"])
        except SystemExit as ended:
            code = ended.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize(("minute", "final"), [(0, 3), (9.9, 3), (10, 4), (25, 5), (31, 6), (45, 6), (50, 8), (999, 8)])
def test_the_decision_that_stood_then_is_the_newest_at_or_before(explain, minute, final):
    code, out, err = explain("web", f"--at={stamp(NOON + 60.0 * minute)}")
    assert (code, err) == (0, "")
    assert out.startswith(f"shop/web: {final} replicas, as the forecast asks\n")


def test_what_came_just_before_and_what_comes_next_and_how_far_back_it_reaches(explain):
    _, out, _ = explain("web", f"--at={stamp(NOON + 1860.0)}")
    assert "decided 2026-03-02T12:30:00Z, 1m before 2026-03-02T12:31:00Z; 5 replicas then; mode Auto" in out
    before = out.split("Before      ")[1].splitlines()
    assert [told.strip()[:20] for told in before[:3]] == [stamp(NOON + 60.0 * m) for m in (20, 10, 0)]
    assert "4 -> 5 replicas, Forecast, load 167/s, Trusted" in before[0]
    assert "reaches from 2026-03-02T11:00:00Z to 2026-03-02T12:50:00Z" in before[3]
    assert "the next decision of it is of 2026-03-02T12:50:00Z, 19m after" in before[3]


def test_a_log_of_which_no_line_is_old_enough_says_how_far_back_it_reaches(explain):
    code, out, err = explain("web", f"--at={stamp(NOON - 60.0)}")
    assert (code, out) == (1, "")
    assert "no decision of shop/web at or before 2026-03-02T11:59:00Z: the log reaches from 2026-03-02T11:00:00Z" in err


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "none of its 0 lines is a JSON record; the operator has to run with --log-format json"),
        (["2026-03-02 INFO bayescaler: text"], "none of its 1 lines is a JSON record"),
        (LOG[:2], "holds no decision at all; the operator has to run with"),
        ([line(1, 50, name="shop/other")], "has no decision of shop/web"),
    ],
    ids=["empty", "a log of text", "no decisions", "others only"],
)
def test_a_log_that_cannot_answer_says_what_it_lacks(explain, lines, told):
    code, _, err = explain("web", lines=lines)
    assert code == 1
    assert told in err


def test_without_a_time_the_newest_of_the_log_is_told(explain):
    assert explain("web")[1].startswith("shop/web: 8 replicas")


def test_a_log_on_standard_input(monkeypatch, tmp_path):
    command = [sys.executable, "-m", "bayescaler", "explain", "web", "-n", "shop", "--log", "-", "-ojson"]
    ended = subprocess.run(command, input="\n".join(LOG), capture_output=True, text=True, env=os.environ, check=True)
    told = json.loads(ended.stdout)
    assert told["decision"]["final"] == 8
    assert [one["final"] for one in told["before"]] == [6, 5, 4]


def test_a_log_that_is_not_there_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["explain", "web", "-n", "shop", "--log", "/no/such/file"])
    assert ended.value.code == 2
    assert "/no/such/file cannot be read" in capsys.readouterr().err


def test_a_record_without_version_is_told_and_said_to_be_old(explain):
    old = json.loads(line(0, 3))
    for key in ("version", "spec", "unit", "generation"):
        del old["decision"][key]
    code, out, _ = explain("web", lines=[json.dumps(old)])
    assert code == 0
    assert "Note        written by an operator of an older version" in out


def test_control_characters_of_a_log_do_not_reach_the_terminal(explain):
    hostile = "\x1b[31mred\u202e"
    steps = [{"limiter": hostile, "before": 2, "after": 3, "why": hostile}]
    for form in ("text", "json", "yaml"):
        _, out, _ = explain("web", "-o", form, lines=[line(0, 3, steps=steps, limiter=hostile)])
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert "red" in out


def test_a_log_of_a_million_lines_leaves_a_handful_in_memory():
    log = DecisionLog("shop/web", NOON + 1e9)
    for minute in range(3000):
        log.feed(line(minute, 3 + minute % 7))
    assert len(log.before) == KEPT_BEFORE
    assert log.newest["at"] == stamp(NOON + 60.0 * 2999)


def test_lines_of_several_pods_in_any_order_give_the_same_answer():
    straight, shuffled = (DecisionLog("shop/web", NOON + 2000.0) for _ in range(2))
    for told in LOG:
        straight.feed(told)
    for told in reversed(LOG):
        shuffled.feed(told)
    assert straight.newest == shuffled.newest
    assert straight.before == shuffled.before


NOW = datetime(2026, 3, 2, 14, 0, 0).timestamp()  # noqa: DTZ001 - of this machine


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("-2h", NOW - 7200.0),
        ("13:05", NOW - 3300.0),
        ("13:05:30", NOW - 3270.0),
        ("14:00", NOW),
        ("14:01", NOW + 60.0 - 86400.0),
        ("9:00", NOW - 5 * 3600.0),
        ("2026-03-02T12:00:00Z", NOON),
        ("2026-03-02T13:00:00+01:00", NOON),
        ("2026-03-02T14:00", NOW),
    ],
)
def test_times_as_people_write_them(text, at):
    assert Moment().convert(text, None, None)(NOW) == at


@pytest.mark.parametrize("text", ["yesterday", "25:00", "12:60", "-2", "-", "", "2026-02-30T00:00:00Z", "14:05pm"])
def test_what_is_no_time_is_refused_with_examples(text):
    with pytest.raises(click.BadParameter, match="give 2026-03-02T14:05:00Z, 14:05 or -2h"):
        Moment().convert(text, None, None)


def test_a_time_to_come_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["explain", "web", "--at", "2999-01-01T00:00:00Z"])
    assert ended.value.code == 2
    assert "2999-01-01T00:00:00Z is still to come" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a/b/c", "deploy/", "/web", "//"])
def test_what_is_no_name_is_a_usage_error(name, capsys, tmp_path):
    path = tmp_path / "kubeconfig"
    path.write_text(
        "{apiVersion: v1, kind: Config, current-context: here, contexts: [{name: here, context: {cluster: here}}],"
        " clusters: [{name: here, cluster: {server: 'http://127.0.0.1:1'}}]}"
    )
    with pytest.raises(SystemExit) as ended:
        main(["explain", name, f"--kubeconfig={path}"])
    assert ended.value.code == 2
    assert "is neither NAME nor KIND/NAME" in capsys.readouterr().err


def test_as_a_plugin_the_usage_lines_say_kubectl(capsys):
    kubectl(["explain", "--help"])
    assert capsys.readouterr().out.startswith("Usage: kubectl bayescaler explain [OPTIONS]")


def test_the_executables_of_the_distribution_are_functions_that_are_there():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert set(scripts) == {"bayescaler", "kubectl-bayescaler", "kubectl_complete-bayescaler"}
    for place in scripts.values():
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(module), function))
    assert scripts["kubectl-bayescaler"].endswith(f":{kubectl.__name__}")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(("program", "word"), [(main, "bayescaler"), (kubectl, "kubectl-bayescaler")])
def test_a_shell_gets_the_script_of_the_program_it_is_asked_of(shell, program, word, capsys):
    program(["completion", shell])
    script = capsys.readouterr().out
    assert word in script
    assert f"_{word.replace('-', '_').upper()}_COMPLETE={shell}_complete" in script


def test_bash_completes_commands(tmp_path):
    (tmp_path / "bayescaler").write_text(f'#!/bin/sh\nexec {sys.executable} -m bayescaler "$@"\n')
    (tmp_path / "bayescaler").chmod(0o755)
    asked = (
        "source <(bayescaler completion bash); COMP_WORDS=(bayescaler expl); COMP_CWORD=1; "
        "_bayescaler_completion bayescaler; echo ${COMPREPLY[@]}"
    )
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ended = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, env=env, check=True)
    assert ended.stdout.split() == ["explain"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["exp"], ["explain\t", ":4"]),
        (["explain", "--out"], ["--output\t", ":4"]),
        (["explain", "--output", "j"], ["json\t", ":4"]),
        (["explain", "--log", ""], [":0"]),
    ],
)
def test_kubectl_is_answered_in_its_own_form(words, told, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-bayescaler", *words])
    for_kubectl()
    for given, wanted in zip(capsys.readouterr().out.splitlines(), told, strict=True):
        assert given.startswith(wanted)
