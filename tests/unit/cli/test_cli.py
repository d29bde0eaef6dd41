"""The command line as a user meets it: help for everything, one line for what can be mended, never a traceback."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bayescaler import __version__
from bayescaler.cli import _COMMANDS, load_command
from bayescaler.cli.generate import ARTEFACTS, CHART, FROM_CHART

ROOT = Path(__file__).resolve().parents[3]


def mended_by_the_user(said):
    """Exit code 2 and one clear line on standard error."""
    assert "Traceback" not in said.err + said.out
    assert said.out == ""
    assert said.code == 2
    (line,) = said.err.splitlines()
    assert line.startswith("bayescaler: ")
    return line


def test_help_names_every_command_without_importing_any(bayescaler):
    said = bayescaler("--help")
    assert said.code == 0
    for name, told in _COMMANDS.items():
        assert name in said.out
        assert told.rstrip(".") in " ".join(said.out.split())


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_command_has_help(bayescaler, command):
    said = bayescaler(command, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: bayescaler {command}")
    assert bayescaler(command, "-h").out == said.out


def test_what_only_asks_and_tells_does_not_wait_for_the_compiler(imported_by):
    names = ("explain", "top", "doctor", "pause", "resume", "observe", "auto", "restore", "generate")
    _, imported = imported_by(f"from bayescaler.cli import load_command\nfor name in {names}: load_command(name)")
    assert "bayescaler.cli.explain" in imported
    assert "numba" not in imported


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_option_of_every_command_is_explained(bayescaler, command):
    import click

    parsed = load_command(command)
    shown = bayescaler(command, "--help").out
    for option in parsed.params:
        if isinstance(option, click.Option):
            assert option.opts[0] in shown
            assert option.help or option.show_default, f"{command} {option.opts[0]} has neither help nor a default"


def test_the_version(bayescaler):
    said = bayescaler("--version")
    assert (said.code, said.out) == (0, f"bayescaler, version {__version__}\n")


def test_without_a_command_the_help_is_shown_and_it_is_an_error(bayescaler):
    said = bayescaler()
    assert said.code == 2
    assert said.err.startswith("Usage: bayescaler")


@pytest.mark.parametrize("command", ["", *_COMMANDS])
def test_an_unknown_option_is_named(bayescaler, command):
    line = mended_by_the_user(bayescaler(*command.split(), "--no-such-option"))
    assert "--no-such-option" in line


def test_an_unknown_command_is_named(bayescaler):
    assert "fly" in mended_by_the_user(bayescaler("fly"))


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["run", "--interval", "15"], "'15' is not a duration"),
        (["run", "--interval", "fast"], "--interval"),
        (["run", "--startup", "-5s"], "--startup"),
        (["run", "--metric-lag", ""], "--metric-lag"),
        (["demo", "--startup", "1.5s"], "--startup"),
        (["run", "--listen", "8080:"], "--listen"),
        (["run", "--listen", "0.0.0.0:99999"], "for example 0.0.0.0:8080"),
        (["run", "--log-level", "loud"], "--log-level"),
        (["demo", "--quantile", "1"], "--quantile"),
        (["demo", "--quantile", "95"], "--quantile"),
        (["demo", "--seed", "x"], "--seed"),
        (["demo", "--unit", "gauge"], "--unit"),
        (["generate", "nonsense"], "nonsense"),
        (["generate", "--root", "/no/such/folder"], "/no/such/folder"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_a_value_that_cannot_be_is_one_line_that_names_the_option(bayescaler, argv, told):
    assert told in mended_by_the_user(bayescaler(*argv))


def test_a_kubeconfig_that_is_not_there_is_one_line(bayescaler, tmp_path, quiet_logs):
    line = mended_by_the_user(bayescaler("run", "--kubeconfig", str(tmp_path / "none")))
    assert "no such file" in line
    assert "--kubeconfig" in line


def test_an_option_of_run_can_be_given_as_a_variable(bayescaler, monkeypatch):
    monkeypatch.setenv("BAYESCALER_RUN_PROMETHEUS", "ftp://prometheus")
    assert "ftp://prometheus" in mended_by_the_user(bayescaler("run"))


@pytest.fixture
def kubeconfig(tmp_path):
    path = tmp_path / "kubeconfig"
    path.write_text(
        "{apiVersion: v1, kind: Config, current-context: here,"
        " contexts: [{name: here, context: {cluster: here, user: me}}],"
        " clusters: [{name: here, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: me, user: {token: t}}]}"
    )
    return str(path)


@pytest.fixture
def quiet_logs():
    """`run` configures the logs of the process: put back what was there."""
    import logging

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--prometheus", "ftp://prometheus", "must be http"),
        ("--prometheus", "http://user:secret@prometheus:9090", "must not carry a user"),
        ("--allow-prometheus", "prometheus:9090", "--allow-prometheus"),
        ("--allow-prometheus", "http://*prometheus", "must not have *"),
    ],
)
def test_an_address_that_cannot_be_is_one_line_and_shows_no_password(
    bayescaler, kubeconfig, quiet_logs, option, value, told
):
    line = mended_by_the_user(bayescaler("run", "--kubeconfig", kubeconfig, option, value))
    assert told in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("told", "meant"),
    [("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:8443", ("::1", 8443)), ("[::]:0", ("::", 0))],
)
def test_an_address_to_listen_on_may_be_of_ipv6(told, meant):
    from bayescaler.cli.options import LISTEN

    assert LISTEN.convert(told, None, None) == meant


def test_a_port_that_is_taken_is_one_line(bayescaler, kubeconfig, quiet_logs):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        options = ("--listen", address, "--log-level", "error")
        assert address in mended_by_the_user(bayescaler("run", "--kubeconfig", kubeconfig, *options))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--console-tls-cert", "tls.crt"], "--console HOST:PORT"),
        (["--console", "0.0.0.0:0"], "plain HTTP"),
        (["--listen", "0.0.0.0:0", "--metrics-auth"], "--listen-tls-cert"),
        (["--listen-tls-cert", "no.crt", "--listen-tls-key", "no.key"], "no.crt"),
        (["--console", "127.0.0.1:0", "--console-tls-cert", "tls.crt"], "--console-tls-key"),
        (["--console", "127.0.0.1:0", "--console-tls-cert", "no.crt", "--console-tls-key", "no.key"], "no.crt"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_what_cannot_be_served_as_asked_for_is_one_line(bayescaler, kubeconfig, quiet_logs, options, told):
    quiet = ("--kubeconfig", kubeconfig, "--listen", "127.0.0.1:0", "--log-level", "error")
    assert told in mended_by_the_user(bayescaler("run", *quiet, *options))


def test_a_port_of_the_console_that_is_taken_is_one_line(bayescaler, kubeconfig, quiet_logs):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        options = ("--listen", "127.0.0.1:0", "--console", address, "--log-level", "error")
        assert address in mended_by_the_user(bayescaler("run", "--kubeconfig", kubeconfig, *options))


def test_a_context_that_is_not_in_the_kubeconfig_is_one_line(bayescaler, kubeconfig, quiet_logs):
    line = mended_by_the_user(bayescaler("run", "--kubeconfig", kubeconfig, "--context", "elsewhere"))
    assert "elsewhere" in line


TRACES = {
    "missing": (None, "No such file"),
    "empty": ("", "header"),
    "another header": ("time,load\n1,2\n", "timestamp,value"),
    "a word for a number": ("timestamp,value\n2026-03-02T00:00:00Z,1\n2026-03-02T00:01:00Z,many\n", "row 3"),
    "rows out of order": ("timestamp,value\n2026-03-02T00:01:00Z,1\n2026-03-02T00:00:00Z,2\n", "sort the rows"),
    "one row": ("timestamp,value\n2026-03-02T00:00:00Z,1\n", "one row only"),
    "less than a day": ("timestamp,value\n2026-03-02T00:00:00Z,1\n2026-03-02T00:01:00Z,2\n", "before its last day"),
}


@pytest.mark.parametrize("story", TRACES)
def test_a_trace_that_cannot_be_played_is_one_line_that_names_file_and_row(bayescaler, tmp_path, story):
    text, told = TRACES[story]
    path = tmp_path / "trace.csv"
    if text is not None:
        path.write_text(text)
    line = mended_by_the_user(bayescaler("demo", "--trace", str(path)))
    assert str(path) in line
    assert told in line


def test_a_folder_is_no_trace(bayescaler, tmp_path):
    assert str(tmp_path) in mended_by_the_user(bayescaler("demo", "--trace", str(tmp_path)))


@pytest.mark.parametrize(
    ("place", "told"), [("no/such/folder/day.png", "no/such/folder"), ("day.nonsense", "nonsense")]
)
def test_a_picture_that_cannot_be_drawn_is_told_before_the_day_is_played(bayescaler, tmp_path, place, told):
    said = bayescaler("demo", "--picture", str(tmp_path / place))
    assert told in mended_by_the_user(said)


@pytest.fixture
def repository(tmp_path):
    """A folder with the chart's own files, which some are generated from."""
    (tmp_path / CHART).mkdir(parents=True)
    for name in ("values.yaml", "Chart.yaml"):
        shutil.copy(ROOT / CHART / name, tmp_path / CHART)
    return tmp_path


def test_generate_writes_every_file_and_check_agrees(bayescaler, repository):
    written = bayescaler("generate", "--root", str(repository))
    assert written.code == 0
    assert written.out.splitlines() == [f"wrote {path}" for path, _ in (ARTEFACTS | FROM_CHART).values()]
    again = bayescaler("generate", "--check", "--root", str(repository))
    assert (again.code, again.out, again.err) == (0, "", "")


def test_generate_check_names_what_is_stale_and_the_cure_and_writes_nothing(bayescaler, repository):
    bayescaler("generate", "--root", str(repository))
    path, _ = ARTEFACTS["crd"]
    (repository / path).write_text("edited by hand\n")
    line = mended_by_the_user(bayescaler("generate", "--check", "--root", str(repository)))
    assert path in line
    assert "make generate" in line
    assert (repository / path).read_text() == "edited by hand\n"


def test_a_value_of_the_chart_that_changes_makes_its_page_stale(bayescaler, repository):
    bayescaler("generate", "--root", str(repository))
    values = repository / CHART / "values.yaml"
    values.write_text(values.read_text().replace("replicaCount: 2", "replicaCount: 3"))
    line = mended_by_the_user(bayescaler("generate", "--check", "--root", str(repository)))
    assert all(path in line for path, _ in FROM_CHART.values())


def test_a_value_of_the_chart_that_nothing_tells_of_is_named(bayescaler, repository):
    values = repository / CHART / "values.yaml"
    values.write_text(f"{values.read_text()}\nsecret: true\n")
    assert "secret has no comment" in mended_by_the_user(bayescaler("generate", "values", "--root", str(repository)))


def test_outside_of_the_repository_generate_says_where_to_run(bayescaler, tmp_path):
    line = mended_by_the_user(bayescaler("generate", "values", "--root", str(tmp_path)))
    assert "charts/bayescaler" in line
    assert "--root" in line


def test_manifests_without_helm_say_what_to_install(bayescaler):
    line = mended_by_the_user(bayescaler("generate", "manifests", "--helm", "no-such-helm", "--root", str(ROOT)))
    assert "no-such-helm" in line
    assert "--helm" in line


def test_generate_of_one_file_leaves_the_others_alone(bayescaler, tmp_path):
    bayescaler("generate", "reference", "--root", str(tmp_path))
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()] == [ARTEFACTS["reference"][0]]


def test_as_a_process_of_its_own_it_ends_the_same_way(tmp_path):
    command = [sys.executable, "-m", "bayescaler", "--no-such-option"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
