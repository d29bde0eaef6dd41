"""`bayescaler generate from-hpa` and `from-scaledobject` as a user meets them: files, pipes, notes, refusals."""

import io
import sys

import click
import pytest
import yaml

from bayescaler import api
from bayescaler.cli import main
from bayescaler.cli.generate import generate as group

HPA = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: %s, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %s}
  maxReplicas: 10
  metrics: [{type: Resource, resource: {name: %s, target: {averageUtilization: 70}}}]
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {spec: {containers: [{name: web, resources: {requests: {cpu: 500m}}}]}}}
"""
SCALED_OBJECT = """
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {name: web}
  triggers:
  - {type: prometheus, metadata: {serverAddress: "http://prometheus:9090", query: sum(queue), threshold: "5"}}
"""
WEB, PAY, GPU = HPA % ("web", "web", "cpu"), HPA % ("pay", "pay", "cpu"), HPA % ("gpu", "gpu", "gpu")


class Said:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def manifests(self):
        return list(yaml.safe_load_all(self.out))


@pytest.fixture
def generate(capsys, tmp_path, monkeypatch):
    """Run `bayescaler generate COMMAND` on a text in a file, or on standard input."""

    def run(command, text, *options, piped=False):
        path = tmp_path / "there.yaml"
        path.write_text(text)
        if piped:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        code = 0
        try:
            main(["generate", command, "-" if piped else str(path), *options])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Said(code, said.out, said.err)

    return run


@pytest.mark.parametrize("piped", [False, True], ids=["file", "stdin"])
def test_the_manifest_goes_to_stdout_and_every_note_also_to_stderr(generate, piped):
    said = generate("from-scaledobject", SCALED_OBJECT, piped=piped)

    assert said.code == 0
    (manifest,) = said.manifests
    assert api.parse_spec(manifest).mode == "Observe"
    first, *notes = [line.removeprefix("# ") for line in said.out.splitlines() if line.startswith("#")]
    assert first == "Made by `bayescaler generate` from ScaledObject shop/web."
    assert said.err.splitlines() == [f"shop/web: {note}" for note in notes]


def test_every_hpa_of_a_file_is_converted_its_target_tells_the_requests_and_the_rest_is_named(generate):
    said = generate("from-hpa", "---".join([WEB, DEPLOYMENT, PAY, SCALED_OBJECT]))

    assert said.code == 0
    web, pay = said.manifests
    assert web["spec"]["capacity"]["perReplica"] == 0.35
    assert pay["spec"]["capacity"]["perReplica"].startswith("FILL IN: CPU cores that one replica requests")
    assert "shop/pay: Fill in: spec.capacity.perReplica: CPU cores" in said.err
    assert "shop/pay: the API server refuses it until that is filled in" in said.err
    assert "shop/web: the API server refuses it" not in said.err
    assert said.err.splitlines()[-1] == "not converted: 1 Deployment, 1 ScaledObject"


def test_options_of_one_object_need_one_object(generate):
    both = "---".join([WEB, PAY])
    said = generate("from-hpa", both, "--requests-cpu", "250m")
    assert (said.code, said.out) == (2, "")
    assert "2 HorizontalPodAutoscalers, options of one: choose it with --name" in said.err

    said = generate("from-hpa", both, "--requests-cpu", "250m", "--name", "shop/pay")
    (pay,) = said.manifests
    assert (said.code, pay["metadata"]["name"], pay["spec"]["capacity"]["perReplica"]) == (0, "pay", 0.175)


def test_a_query_and_a_namespace_may_be_given(generate):
    anywhere = WEB.replace(", namespace: shop", "")
    said = generate("from-hpa", anywhere, "-n", "east", "--query", "sum(cores)", "--requests-cpu", "1")
    (manifest,) = said.manifests
    assert manifest["metadata"] == {"name": "web", "namespace": "east"}
    assert manifest["spec"]["load"]["prometheus"]["query"] == "sum(cores)"


def test_one_that_is_refused_does_not_keep_the_others_but_is_told_by_the_exit_code(generate):
    said = generate("from-hpa", "---".join([GPU, WEB]))
    assert said.code == 2
    assert [manifest["metadata"]["name"] for manifest in said.manifests] == ["web"]
    assert said.err.splitlines()[-1].startswith("bayescaler: ")
    assert 'HorizontalPodAutoscaler shop/gpu: metric 0 (Resource "gpu"): only cpu' in said.err.splitlines()[-1]


def test_a_file_is_written_whole_or_not_at_all(generate, tmp_path):
    out = tmp_path / "made.yaml"
    said = generate("from-scaledobject", SCALED_OBJECT, "--out", str(out))
    assert (said.code, said.out) == (0, "")
    kept = out.read_text()
    assert yaml.safe_load(kept)["kind"] == "BayesianAutoscaler"

    refused = generate("from-scaledobject", SCALED_OBJECT.replace("sum(queue)", "''"), "--out", str(out))
    assert refused.code == 2
    assert out.read_text() == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.yaml", "there.yaml"]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (DEPLOYMENT, (), "there.yaml: no HorizontalPodAutoscaler in it, found 1 Deployment: give one that has it"),
        ("kind: [", (), "there.yaml, line 1: is no YAML"),
        (GPU, (), 'there.yaml: HorizontalPodAutoscaler shop/gpu: metric 0 (Resource "gpu"): only cpu and memory'),
        (WEB, ("--requests-cpu", "fast"), "'fast' is no amount, for example 250m or 2Gi"),
        (WEB, ("--requests-cpu", "0"), "'0' is no amount"),
        (WEB, ("--metric", "-1"), "--metric"),
        (WEB, ("--name", "pay"), "no HorizontalPodAutoscaler pay in it: choose of shop/web"),
        (WEB, ("--out", "/no/such/folder/x.yaml"), "there is no folder /no/such/folder"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(generate, text, options, said):
    refused = generate("from-hpa", text, *options)
    assert (refused.code, refused.out) == (2, "")
    (line,) = refused.err.splitlines()
    assert line.startswith("bayescaler: ")
    assert said in line


def test_a_file_that_is_not_there_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["generate", "from-hpa", "/no/such/file.yaml"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "bayescaler: /no/such/file.yaml: cannot be read: No such file or directory\n"


@pytest.mark.parametrize("command", group.commands)
def test_every_command_has_help_that_explains_its_options(capsys, command):
    main(["generate", command, "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: bayescaler generate {command}")
    for option in group.commands[command].params:
        if isinstance(option, click.Option):
            assert option.opts[0] in shown
            assert option.help
