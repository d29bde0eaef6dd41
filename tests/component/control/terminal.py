"""Somebody at a terminal beside the running operator: commands as a user gives them, with a user's rights."""

import asyncio

from bayescaler.cli import kubectl
from bayescaler.sandbox.server import service_account

OURS = {"apiGroups": ["bayescaler.dev"], "resources": ["bayesianautoscalers"]}


class Terminal:
    """Runs commands in a thread, so that the sandbox goes on meanwhile; keeps what came out of the last one."""

    def __init__(self, world, capsys):
        self.world, self.capsys, self.kubeconfig = world, capsys, world.kubeconfig
        self.out = self.err = ""

    async def __call__(self, *argv, program=kubectl):
        """Run a command; return its exit code."""
        self.capsys.readouterr()
        code = 0
        try:
            await asyncio.to_thread(program, [*argv, f"--kubeconfig={self.kubeconfig}"])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = self.capsys.readouterr()
        self.out, self.err = said.out, said.err
        assert "Traceback" not in self.out + self.err
        return code

    async def told(self, *argv):
        """Run a command that has to succeed in silence; return its output."""
        code = await self(*argv)
        assert (code, self.err) == (0, "")
        return self.out

    def becomes(self, *rules, namespace="default"):
        """From now on a person with these rules in the namespace, and no others."""
        about = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "person", "namespace": namespace}}
        subject = {"kind": "ServiceAccount", "name": "person", "namespace": "default"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "person"}
        server = self.world.server
        server.create(about | {"kind": "Role", "rules": list(rules)})
        server.create(about | {"kind": "RoleBinding", "roleRef": reference, "subjects": [subject]})
        server.guard.enforced = True
        token = server.token(service_account("default", "person"))
        self.kubeconfig = server.write_kubeconfig(self.kubeconfig.with_name("person"), token=token)
