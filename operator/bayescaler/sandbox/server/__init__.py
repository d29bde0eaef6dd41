"""The embedded API server: `async with SandboxServer() as server:` gives a cluster that kubectl works on."""

from .authz import ADMIN, User, service_account
from .errors import StatusError
from .faults import Fault
from .request import Request
from .server import SandboxServer

__all__ = ["ADMIN", "Fault", "Request", "SandboxServer", "StatusError", "User", "service_account"]
