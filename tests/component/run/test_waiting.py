"""`bayescaler run` as a process where something is missing: it says what in one line, is not ready, stays alive, and
goes on by itself once it is there.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from bayescaler import api
from bayescaler.sandbox.server import SandboxServer, service_account
from bayescaler.sandbox.server.errors import StatusError

RBAC = "rbac.authorization.k8s.io"
OPERATOR = service_account("bayescaler-system", "bayescaler")
# The command, which looks and tries again sooner than a cluster would like; as in the image its user has no name.
IMPATIENT = """
import getpass
from bayescaler.cli import main
from bayescaler.cluster import listwatch, served_kind
from bayescaler.control import service

served_kind.LOOK_SECONDS = service.RESYNC_LOOK_SECONDS = 0.05
listwatch.FIRST_PAUSE_SECONDS, listwatch.LONGEST_PAUSE_SECONDS = 0.01, 0.05
def nameless():
    raise OSError("No username set in the environment")

getpass.getuser = nameless
main()
"""
COMMAND = [sys.executable, "-c", IMPATIENT, "run"]
# Without these it does not get ready, in the order in which it asks.
NEEDED = {
    "apps/deployments": ["list", "watch"],
    "apps/statefulsets": ["list", "watch"],
    "bayescaler.dev/bayesianautoscalers": ["list", "watch"],
}


def replace_kind(server, kind):
    """Delete the CustomResourceDefinition, if there is one, and create this one."""
    with suppress(StatusError):
        server.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", kind["metadata"]["name"])
    server.create(kind)


class Run:
    """The process: what it logged, what its probes answer."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._logged = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        async for line in self.process.stderr:
            self.lines.append(json.loads(line))
            self._logged.set()
        self._logged.set()

    async def logs(self, part):
        """Wait for a line with this part; returns its message."""
        while True:
            self._logged.clear()
            for line in self.lines:
                if part in str(line):
                    return line["message"]
            assert self.process.returncode is None, "it ended"
            await self._logged.wait()

    @property
    def port(self):
        return next(line["port"] for line in self.lines if "port" in line)

    async def probe(self, path):
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, (await answer.text()).strip()

    async def ready(self, *, says=""):
        """Wait until /readyz is 200, or has a sentence with `says` in it; returns what it said."""
        while True:
            status, text = await self.probe("/readyz")
            if (says in text) if says else (status == 200):
                return text
            await asyncio.sleep(0.02)

    def lines_with(self, part):
        return [line for line in self.lines if part in str(line)]

    async def stop(self):
        self.process.terminate()
        code = await self.process.wait()
        await self._reading
        return code


@asynccontextmanager
async def running(kubeconfig):
    process = await asyncio.create_subprocess_exec(
        *COMMAND, f"--kubeconfig={kubeconfig}", "--listen=127.0.0.1:0", "--no-leader-election",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    run = Run(process)
    try:
        await run.logs("serving probes and metrics")
        yield run
    finally:
        if process.returncode is None:
            await run.stop()


@pytest.fixture
async def server():
    async with SandboxServer() as server:
        yield server


def crd(*, without=(), with_=()):
    """Our CustomResourceDefinition without some fields of spec, and with some more."""
    made = api.crd()
    fields = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    for name in without:
        del fields[name]
    fields |= {name: {"type": "string"} for name in with_}
    return made


async def test_a_kind_that_is_missing_or_of_another_version_is_one_line_and_waited_for(server, tmp_path):
    older, newer = crd(without=["schedules", "behavior"]), crd(with_=["wishes"])
    async with running(server.write_kubeconfig(tmp_path / "kubeconfig")) as run:
        for kind, says in (
            (None, "the cluster has no kind BayesianAutoscaler in bayescaler.dev/v1alpha1: apply that of version "),
            (older, "is older than the operator, it has no spec.behavior, spec.schedules: apply that of version "),
            (newer, "does not know spec.wishes: upgrade the operator, or apply that of version "),
        ):
            if kind is not None:
                replace_kind(server, kind)
            sentence = await run.ready(says=says)
            assert (await run.probe("/readyz"))[0] == 503
            assert await run.probe("/healthz") == (200, "ok")
            assert await run.logs(says) == sentence
        replace_kind(server, crd())
        await run.ready()
        await run.logs("the kind is served now")
        assert await run.stop() == 0
        assert len(run.lines_with("apply that of version")) == 3, "each said once, not at every look"
        assert not run.lines_with("Traceback")


async def test_it_can_be_stopped_while_it_waits(server, tmp_path):
    async with running(server.write_kubeconfig(tmp_path / "kubeconfig")) as run:
        await run.logs("the cluster has no kind")
        assert await run.stop() == 0


def rules(rights):
    """The rules of a role with these rights, given as group/resource and verbs."""
    parts = [(*right.split("/"), verbs) for right, verbs in rights.items()]
    return [{"apiGroups": [group], "resources": [resource], "verbs": verbs} for group, resource, verbs in parts]


async def test_a_right_that_is_missing_at_the_start_is_named_with_its_cure(server, tmp_path):
    server.create(crd())
    role = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": "bayescaler"}}
    server.create(role | {"rules": []})
    subject = {"kind": "ServiceAccount", "name": "bayescaler", "namespace": "bayescaler-system"}
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "bayescaler"}
    server.create(role | {"kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]})
    server.guard.enforced = True
    granted = {}
    async with running(server.write_kubeconfig(tmp_path / "kubeconfig", token=server.token(OPERATOR))) as run:
        for right, verbs in NEEDED.items():
            group, resource = right.split("/")
            rule = f'{{apiGroups: ["{group}"], resources: ["{resource}"], verbs: ["list"]}} in the whole cluster'
            told = await run.ready(says=rule)
            assert "grant it to ServiceAccount bayescaler-system/bayescaler by the chart's rbac.create" in told
            assert await run.probe("/healthz") == (200, "ok")
            await run.logs(rule)
            granted[right] = verbs
            server.patch(role["apiVersion"], "ClusterRole", "bayescaler", {"rules": rules(granted)})
        await run.ready()
        assert await run.stop() == 0
        for right in NEEDED:
            told = run.lines_with(f'resources: ["{right.split("/")[1]}"], verbs: ["list"]')
            assert len([line for line in told if line["message"].startswith("a right is missing")]) == 1, "said once"
