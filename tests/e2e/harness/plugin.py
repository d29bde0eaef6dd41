"""The plugin under the real kubectl, as an installation of the wheel puts it on the path."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from harness.binaries import Command
from harness.process import Said, run

COMMAND_SECONDS = 60.0


class Plugin:
    """kubectl with the plugin on its path."""

    def __init__(self, kubectl: Command, kubeconfig: Path) -> None:
        self._kubectl, self._kubeconfig = kubectl, kubeconfig
        self._path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def kubectl(self, *arguments: str, kubeconfig: Path | None = None) -> Said:
        """Run kubectl, as the administrator or by another kubeconfig."""
        environment = os.environ | {"PATH": self._path, "KUBECONFIG": str(kubeconfig or self._kubeconfig)}
        return run([*self._kubectl, *arguments], environment, deadline_seconds=COMMAND_SECONDS)

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
