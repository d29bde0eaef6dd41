"""An address that is kept while nobody listens there: a server that comes back finds it free."""

import os
import socket
import sys
import weakref

HOST = "127.0.0.1"


def keep(port: int, *, owner: object) -> int:
    """Return the port, or any free one for 0, which nobody else gets as long as `owner` lives; connections are refused.

    A listener needs SO_REUSEADDR, which elsewhere than on Linux would not do beside another socket: nothing is kept
    there. Raises OSError where the port is taken.
    """
    if sys.platform != "linux":
        return port
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((HOST, port))
        port = held.getsockname()[1]
        weakref.finalize(owner, os.close, held.detach())
    return port
