"""A real control plane on loopback: etcd, API server, controllers, scheduler, kwok's nodes and pods."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from harness import audit, kwok
from harness.binaries import Binaries, Command
from harness.certs import CertificateAuthority, KeyPair, service_account_keys
from harness.kubeconfig import Cluster, write_kubeconfig
from harness.process import Component, HarnessError, Running, free_ports, run, tail, wait_until

LOOPBACK = "127.0.0.1"
SERVICE_CIDR = "10.96.0.0/16"
SERVICE_IP = "10.96.0.1"
ISSUER = "https://kubernetes.default.svc"
CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "job-controller",
    "horizontal-pod-autoscaler-controller",
    "serviceaccount-controller",
    "namespace-controller",
    "resourcequota-controller",
    "garbage-collector-controller",
    "endpointslice-controller",
    "disruption-controller",
    "clusterrole-aggregation-controller",
)
# Where the API server has what is looked at again and again: each look by kubectl costs a tenth of a second of CPU.
PATHS = {
    "bas": "/apis/bayescaler.dev/v1alpha1/namespaces/{namespace}/bayesianautoscalers/{name}",
    "configmap": "/api/v1/namespaces/{namespace}/configmaps/{name}",
    "crd": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}",
    "deployment": "/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
    "fleet": "/apis/games.example/v1/namespaces/{namespace}/fleets/{name}",
    "hpa": "/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers/{name}",
    "lease": "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}",
    "namespace": "/api/v1/namespaces/{name}",
    "replicaset": "/apis/apps/v1/namespaces/{namespace}/replicasets/{name}",
    "scaledobject": "/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects/{name}",
    "statefulset": "/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}",
}
COMMAND_SECONDS = 90.0
PROBE_SECONDS = 2.0


@dataclass(frozen=True)
class Options:
    """What a test may choose of the cluster; but for the quicker HPA sync it is as Kubernetes has it."""

    start_up: kwok.StartUp = field(default_factory=kwok.StartUp)
    nodes: int = 3
    hpa_sync_seconds: float = 5.0
    hpa_downscale_stabilization_seconds: float = 300.0
    controller_manager_flags: tuple[str, ...] = ()
    pod_logs: Path | None = None  # what `kubectl logs` shows of every pod


class ControlPlane(Running):
    """A cluster in a folder; `with ControlPlane(binaries, folder) as cluster:` starts it and stops it.

    `kubeconfig` is the administrator's.  Each component (`etcd`, `apiserver`, `controller_manager`,
    `scheduler`, `kwok`) can be paused, resumed, killed and started again by a test of faults.
    """

    def __init__(self, binaries: Binaries, folder: Path, options: Options | None = None) -> None:
        self.options = options or Options()
        self.folder = folder
        self._binaries = binaries
        for part in ("pki", "logs", "home"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self._logs = folder / "logs"
        self.audit = audit.AuditLog(self._logs / "audit.jsonl")
        ports = free_ports(6)
        self._etcd_port, self._etcd_peer_port, api_port, *others = ports
        self.url = f"https://{LOOPBACK}:{api_port}"
        self.authority = CertificateAuthority("cluster", folder / "pki")
        self.front_proxy = CertificateAuthority("front-proxy", folder / "pki")
        self.admin = self.authority.issue("admin", organizations=["system:masters"])
        self._serving = self.authority.issue(
            "kube-apiserver",
            hosts=["localhost", LOOPBACK, SERVICE_IP, "kubernetes", "kubernetes.default.svc"],
        )
        self._tokens = service_account_keys(folder / "pki")
        self.kubeconfig = self._write_kubeconfig("admin", self.admin)
        self.etcd = self._etcd()
        self.apiserver = self._apiserver(api_port)
        self.controller_manager = self._controller_manager(others[0])
        self.scheduler = self._scheduler(others[1])
        self.kwok = self._kwok(others[2])

    @property
    def components(self) -> tuple[Component, ...]:
        """All processes, in the order of their start."""
        return (self.etcd, self.apiserver, self.controller_manager, self.scheduler, self.kwok)

    @property
    def logs(self) -> dict[str, Path]:
        """The log file of each component by its name."""
        return {one.name: one.log for one in self.components}

    def log_tails(self) -> str:
        """Give the end of every component's log, each under its name."""
        return "\n".join(f"--- {name} ({path})\n{tail(path)}" for name, path in self.logs.items())

    def start(self) -> None:
        """Start all, and return once pods can be created and run in the namespace `default`."""
        self.etcd.start()
        self.apiserver.start()
        rest = (self.controller_manager, self.scheduler, self.kwok)
        for one in rest:
            one.launch()
        names = [f"node-{number}" for number in range(self.options.nodes)]
        self.apply(*[kwok.node(name) for name in names])
        for one in rest:
            one.wait_ready()
        self.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=30s")
        wait_until(lambda: self.kubectl("get", "serviceaccount", "default"), "the default ServiceAccount")

    def stop(self) -> None:
        """Stop all, in reverse order."""
        for one in reversed(self.components):
            one.stop()

    def begin(self, undo: ExitStack) -> None:
        """Start all."""
        undo.callback(self.stop)
        self.start()

    def kubectl(self, *arguments: str, stdin: str = "", kubeconfig: Path | None = None) -> str:
        """Run kubectl as the administrator (or by another kubeconfig) and give what it printed.

        Raises `HarnessError` with the command and its error output when it fails or hangs.
        """
        return self._run(self._binaries.kubectl, arguments, stdin, kubeconfig)

    def helm(self, *arguments: str, stdin: str = "", kubeconfig: Path | None = None) -> str:
        """Run helm as `kubectl` runs kubectl."""
        return self._run(self._binaries.helm, arguments, stdin, kubeconfig)

    def apply(self, *manifests: Mapping[str, Any]) -> str:
        """Apply manifests by kubectl."""
        return self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(manifests))

    def get(self, kind: str, name: str, *, namespace: str = "default") -> dict[str, Any]:
        """Get one object of the kinds of `PATHS`, as the API server tells it; `HarnessError` where there is none."""
        answer = self.request(PATHS[kind].format(namespace=namespace, name=name))
        if not answer.ok:
            raise HarnessError(f"{kind} {namespace}/{name}: {answer.status_code}: {answer.text}")
        found: dict[str, Any] = answer.json()
        return found

    def list(self, kind: str, *, namespace: str = "default", selector: str = "") -> list[dict[str, Any]]:
        """List the objects of a kind in a namespace by label selector."""
        answer = self.kubectl("get", kind, "-n", namespace, "-l", selector, "-o", "json")
        items: list[dict[str, Any]] = json.loads(answer)["items"]
        return items

    def create_namespace(self, name: str) -> None:
        """Create a namespace and wait for its default ServiceAccount, without which no pod is admitted."""
        self.kubectl("create", "namespace", name)
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        wait_until(lambda: self.request(account).ok, f"the default ServiceAccount of {name}")

    @contextmanager
    def namespace(self, name: str) -> Iterator[str]:
        """Create a namespace, and delete it in the end without waiting."""
        self.create_namespace(name)
        try:
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false")

    def token(self, namespace: str, service_account: str, *, duration_seconds: int = 3600) -> str:
        """Create a token of a ServiceAccount by the TokenRequest API (600 s at least)."""
        return self.kubectl(
            "create", "token", service_account, "-n", namespace, f"--duration={duration_seconds}s"
        ).strip()

    def kubeconfig_for(self, namespace: str, service_account: str) -> Path:
        """Write a kubeconfig with a fresh token of a ServiceAccount and nothing of the administrator."""
        user = f"{namespace}-{service_account}"
        return self._write_kubeconfig(user, self.token(namespace, service_account), namespace=namespace)

    def request(self, path: str, **parameters: str) -> requests.Response:
        """GET a path of the API server as the administrator, without kubectl's cost."""
        return requests.get(
            f"{self.url}{path}",
            params=parameters,
            verify=str(self.authority.certificate),
            cert=(str(self.admin.certificate), str(self.admin.key)),
            timeout=COMMAND_SECONDS,
        )

    def _run(self, command: Command, arguments: Sequence[str], stdin: str, kubeconfig: Path | None) -> str:
        home = self.folder / "home"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig or self.kubeconfig),
        }
        said = run([*command, *arguments], environment, deadline_seconds=COMMAND_SECONDS, stdin=stdin)
        if said.code:
            asked = f"`{Path(command[0]).name} {' '.join(arguments)}`"
            raise HarnessError(f"{asked}: exit code {said.code}: {said.err}")
        return said.out

    def _component(self, command: Command, name: str, flags: Mapping[str, object], ready_url: str) -> Component:
        return Component(
            name=name,
            command=[*command, *(f"--{flag}={value}" for flag, value in flags.items())],
            log=self._logs / f"{name}.log",
            ready=lambda: requests.get(ready_url, verify=str(self.authority.certificate), timeout=PROBE_SECONDS).ok,
        )

    def _etcd(self) -> Component:
        client, peer = (f"http://{LOOPBACK}:{port}" for port in (self._etcd_port, self._etcd_peer_port))
        flags = {
            "name": "e2e",
            "data-dir": self.folder / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"e2e={peer}",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }
        return self._component(self._binaries.etcd, "etcd", flags, f"{client}/health")

    def _apiserver(self, port: int) -> Component:
        proxy = self.front_proxy.issue("front-proxy-client")
        audit_policy = self.folder / "audit-policy.yaml"
        audit_policy.write_text(yaml.safe_dump(audit.POLICY))
        flags = {
            "bind-address": LOOPBACK,
            "secure-port": port,
            # Published by no reconciler; but loopback is refused, and the default wants a default route.
            "advertise-address": "192.0.2.1",
            "endpoint-reconciler-type": "none",
            "etcd-servers": f"http://{LOOPBACK}:{self._etcd_port}",
            "tls-cert-file": self._serving.certificate,
            "tls-private-key-file": self._serving.key,
            "client-ca-file": self.authority.certificate,
            "authorization-mode": "RBAC",
            "service-cluster-ip-range": SERVICE_CIDR,
            "service-account-issuer": ISSUER,
            "service-account-key-file": self._tokens.certificate,
            "service-account-signing-key-file": self._tokens.key,
            # It taints new nodes until the node lifecycle controller, which does not run here, clears them.
            "disable-admission-plugins": "TaintNodesByCondition",
            "requestheader-client-ca-file": self.front_proxy.certificate,
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": proxy.certificate,
            "proxy-client-key-file": proxy.key,
            "audit-policy-file": audit_policy,
            "audit-log-path": self.audit.path,
        }
        return self._component(self._binaries.kube_apiserver, "kube-apiserver", flags, f"{self.url}/readyz")

    def _controller_manager(self, port: int) -> Component:
        name = "kube-controller-manager"
        flags = self._controller_flags(name, port) | {
            "service-account-private-key-file": self._tokens.key,
            "root-ca-file": self.authority.certificate,
            "use-service-account-credentials": "true",
            "controllers": ",".join(CONTROLLERS),
            "horizontal-pod-autoscaler-sync-period": f"{self.options.hpa_sync_seconds}s",
            "horizontal-pod-autoscaler-downscale-stabilization": (
                f"{self.options.hpa_downscale_stabilization_seconds}s"
            ),
        }
        component = self._component(
            self._binaries.kube_controller_manager, name, flags, f"https://{LOOPBACK}:{port}/healthz"
        )
        component.command = [*component.command, *self.options.controller_manager_flags]
        return component

    def _scheduler(self, port: int) -> Component:
        name = "kube-scheduler"
        return self._component(
            self._binaries.kube_scheduler,
            name,
            self._controller_flags(name, port),
            f"https://{LOOPBACK}:{port}/healthz",
        )

    def _controller_flags(self, name: str, port: int) -> dict[str, object]:
        identity = self.authority.issue(f"system:{name}", hosts=[LOOPBACK], file=name)
        return {
            "kubeconfig": self._write_kubeconfig(name, identity),
            "leader-elect": "false",
            "bind-address": LOOPBACK,
            "secure-port": port,
            "tls-cert-file": identity.certificate,
            "tls-private-key-file": identity.key,
        }

    def _kwok(self, port: int) -> Component:
        flags = {
            "kubeconfig": self.kubeconfig,
            "manage-all-nodes": "true",
            "cidr": kwok.POD_CIDR,
            "node-ip": LOOPBACK,
            "server-address": f"{LOOPBACK}:{port}",
            "node-port": port,
            "config": kwok.write_configuration(self.folder / "kwok.yaml", self.options.start_up, self.options.pod_logs),
        }
        return self._component(self._binaries.kwok, "kwok", flags, f"http://{LOOPBACK}:{port}/healthz")

    def _write_kubeconfig(self, user: str, login: KeyPair | str, *, namespace: str = "default") -> Path:
        cluster = Cluster(self.url, self.authority.certificate)
        return write_kubeconfig(self.folder / f"{user}.kubeconfig", cluster, user, login, namespace=namespace)
