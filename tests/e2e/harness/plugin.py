"""The plugin under the real kubectl, as an installation of the wheel puts it on the path."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.binaries import Command

# That these are its functions is told by pyproject.toml, and tested there.
SCRIPT = "#!{python}\nimport sys\nfrom bayescaler.cli{module} import {function}\nsys.exit({function}())\n"
SCRIPTS = {"kubectl-bayescaler": ("", "kubectl"), "kubectl_complete-bayescaler": (".completion", "for_kubectl")}
COMMAND_SECONDS = 60.0


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


class Plugin:
    """kubectl with the plugin on its path, which lies in `folder`."""

    def __init__(self, kubectl: Command, folder: Path, kubeconfig: Path) -> None:
        self._kubectl, self._kubeconfig = kubectl, kubeconfig
        for name, (module, function) in SCRIPTS.items():
            path = folder / name
            path.write_text(SCRIPT.format(python=sys.executable, module=module, function=function))
            path.chmod(0o755)
        self._path = f"{folder}:{os.environ['PATH']}"

    def kubectl(self, *arguments: str, kubeconfig: Path | None = None) -> Said:
        """Run kubectl, as the administrator or by another kubeconfig."""
        ended = subprocess.run(
            [*self._kubectl, *arguments],
            capture_output=True,
            text=True,
            env=os.environ | {"PATH": self._path, "KUBECONFIG": str(kubeconfig or self._kubeconfig)},
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return Said(ended.returncode, ended.stdout, ended.stderr)

    def told(self, *arguments: str) -> str:
        """Give what `kubectl bayescaler` prints, where it has nothing to complain of."""
        said = self.kubectl("bayescaler", *arguments)
        assert (said.code, said.err) == (0, "")
        return said.out

    def findings(self, *arguments: str, kubeconfig: Path | None = None) -> list[dict[str, Any]]:
        """Give what doctor finds not to be sound."""
        said = self.kubectl("bayescaler", "doctor", *arguments, "--output=json", kubeconfig=kubeconfig)
        assert said.err == ""
        told = json.loads(said.out)
        assert said.code == (0 if told["healthy"] else 1)
        return [one for one in told["findings"] if one["level"] != "ok"]
