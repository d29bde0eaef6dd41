"""Where the API server is and who we are: kubeconfig (with exec plugins) or the service account of the pod.

`kubernetes.aio` reads both; this adds which one to take, and reading anew once the server no longer knows us.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import yaml
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import SERVICE_HOST_ENV_NAME, InClusterConfigLoader
from kubernetes.aio.config.kube_config import ENV_KUBECONFIG_PATH_SEPARATOR, load_kube_config

from .errors import BadConfiguration

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
HOME_KUBECONFIG = "~/.kube/config"
# The library lets whatever a malformed file leads to pass through.
UNREADABLE = (ConfigException, OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """The same credentials for another client, in plain values; `authorization` is the whole header."""

    server: str
    authorization: str | None = field(repr=False)
    ca_path: str | None
    certificate_path: str | None
    private_key_path: str | None
    insecure: bool
    proxy: str | None


class Credentials:
    """A configuration of the client library, and how to read it anew."""

    def __init__(self, configuration: Configuration, read: Callable[[Configuration], Awaitable[None]]) -> None:
        self.configuration = configuration
        self.generation = 0
        self._read = read
        self._reading = asyncio.Lock()

    @classmethod
    async def load(cls, kubeconfig: str | os.PathLike[str] | None = None, context: str | None = None) -> Self:
        """Read `kubeconfig`, else $KUBECONFIG, else the pod's service account, else ~/.kube/config.

        Raises BadConfiguration, naming the file and the cure.
        """
        named = os.fspath(kubeconfig) if kubeconfig is not None else os.environ.get("KUBECONFIG")
        if not named and os.environ.get(SERVICE_HOST_ENV_NAME):
            return await cls.in_cluster()
        return await cls.from_kubeconfig(named or HOME_KUBECONFIG, context)

    @classmethod
    async def from_kubeconfig(cls, paths: str, context: str | None = None) -> Self:
        """Read one kubeconfig, or several joined by the system's path separator."""
        if not _any_file(paths):
            raise BadConfiguration(f"kubeconfig {paths}: no such file; give --kubeconfig or set KUBECONFIG")

        async def read(configuration: Configuration) -> None:
            await load_kube_config(
                config_file=paths, context=context, client_configuration=configuration, persist_config=False
            )

        return await cls._first(read, f"kubeconfig {paths}" + (f", context {context}" if context else ""))

    @classmethod
    async def in_cluster(cls, directory: Path = SERVICE_ACCOUNT, environ: Mapping[str, str] | None = None) -> Self:
        """Read the service account mounted into the pod; its token is read again every minute, as it
        rotates.
        """

        async def read(configuration: Configuration) -> None:
            InClusterConfigLoader(
                token_filename=str(directory / "token"),
                cert_filename=str(directory / "ca.crt"),
                environ=os.environ if environ is None else environ,
            ).load_and_set(configuration)

        return await cls._first(read, f"service account in {directory}")

    @classmethod
    async def _first(cls, read: Callable[[Configuration], Awaitable[None]], where: str) -> Self:
        # Asked of the environment for each request, the proxy and ~/.netrc would cost two changes of thread.
        configuration = Configuration(client_session_kwargs={"trust_env": False})
        try:
            await read(configuration)
        except UNREADABLE as error:
            raise BadConfiguration(f"{where} cannot be used: {error}") from error
        configuration.proxy = configuration.proxy or _proxy_of_environment(configuration.host)
        return cls(configuration, read)

    async def authorization(self) -> str | None:
        """The Authorization header; None where a client certificate, or nothing, says who we are."""
        value: str | None = await self.configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return value.strip() if value else None

    async def refresh(self, generation: int) -> None:
        """Read anew, unless somebody did since `generation`; a failure is logged and leaves what was
        there.
        """
        async with self._reading:
            if generation != self.generation:
                return
            self.generation += 1
            try:
                await self._read(self.configuration)
            except UNREADABLE as error:
                logger.warning("credentials could not be read anew", extra={"error": str(error)})

    async def connection(self) -> Connection:
        """The same for another client."""
        configuration = self.configuration
        return Connection(
            server=configuration.host,
            authorization=await self.authorization(),
            ca_path=configuration.ssl_ca_cert,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
            insecure=not configuration.verify_ssl,
            proxy=configuration.proxy,
        )


def _proxy_of_environment(server: str) -> str | None:
    """The proxy of HTTPS_PROXY or HTTP_PROXY, unless NO_PROXY exempts the server."""
    url = urlsplit(server)
    return None if not url.hostname or proxy_bypass(url.hostname) else getproxies().get(url.scheme)


def _any_file(paths: str) -> bool:
    return any(Path(path).expanduser().is_file() for path in paths.split(ENV_KUBECONFIG_PATH_SEPARATOR) if path)
