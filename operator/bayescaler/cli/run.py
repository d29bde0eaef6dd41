"""`bayescaler run`: the operator in a cluster, or beside one with a kubeconfig."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import BadConfiguration
from bayescaler.cluster.served_kind import ServedKind
from bayescaler.console.serve import console
from bayescaler.control.service import Operator
from bayescaler.control.settings import Settings
from bayescaler.handlers import watch
from bayescaler.policy import warm_up
from bayescaler.serving.access import Access
from bayescaler.serving.door import CannotServe, Door
from bayescaler.serving.endpoints import endpoints
from bayescaler.sources.allow import AllowList
from bayescaler.telemetry.logs import configure
from bayescaler.telemetry.metrics import Metrics

from .options import DURATION, LISTEN, typed

log = logging.getLogger(__name__)
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--prometheus", metavar="URL", help="Prometheus for objects that name none; always allowed.")
@click.option("--allow-prometheus", metavar="URL", multiple=True, help="A further address objects may name; repeat it.")
@click.option("--namespace", metavar="NAME", multiple=True, help="Namespace to work in; repeat it. Default: all.")
@click.option("--interval", type=DURATION, default="15s", show_default=True, help="Time between two decisions.")
@click.option(
    "--metric-lag",
    type=DURATION,
    default="15s",
    show_default=True,
    help="Time after which a bucket may be read.",
)
@click.option(
    "--startup",
    type=DURATION,
    default="60s",
    show_default=True,
    help="P90 of the start-up of pods, assumed until a workload's own have shown it.",
)
@click.option(
    "--listen",
    type=LISTEN,
    default="0.0.0.0:8080",
    show_default=True,
    help="Address of /healthz, /readyz and /metrics.",
)
@click.option(
    "--listen-tls-cert", type=FILE, help="Serve them over TLS by this certificate, PEM; read anew if renewed."
)
@click.option("--listen-tls-key", type=FILE, help="Its key, PEM.")
@click.option("--metrics-auth", is_flag=True, help="Answer /metrics to tokens alone that may get this path.")
@click.option("--console", "console_at", type=LISTEN, help="Serve the console at this host:port.  [default: off]")
@click.option(
    "--console-tls-cert", type=FILE, help="Certificate of the console, PEM with its chain; read anew if renewed."
)
@click.option("--console-tls-key", type=FILE, help="Its key, PEM.")
@click.option(
    "--plain-http", is_flag=True, help="Take tokens over plain HTTP on other addresses than this machine's own."
)
@click.option(
    "--token-audience",
    multiple=True,
    metavar="NAME",
    help="Take only tokens for this audience, at the console and /metrics; repeat for several. "
    "Default: those for the API server.",
)
@click.option(
    "--lease-name", default="bayescaler", show_default=True, help="Lease that elects the replica that writes."
)
@click.option(
    "--lease-namespace", default="default", show_default=True, help="Namespace of that Lease, and of saved states."
)
@click.option(
    "--leader-election/--no-leader-election",
    default=True,
    show_default=True,
    help="Write only while holding the Lease.",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False),
    help="Folder on a volume for the posteriors, so that a start replays no history.",
)
@click.option(
    "--otlp-endpoint",
    metavar="URL",
    help="HTTP receiver of an OpenTelemetry collector, as http://collector:4318: decisions as spans, and all metrics. "
    "Default: nothing is sent.",
)
@click.option("--kubeconfig", type=click.Path(dir_okay=False), help="Default: KUBECONFIG, then the pod's own account.")
@click.option("--context", "kube_context", help="Context of the kubeconfig.")
@click.option("--log-format", type=click.Choice(["json", "text"]), default="json", show_default=True)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def run(
    prometheus: str | None,
    allow_prometheus: tuple[str, ...],
    namespace: tuple[str, ...],
    interval: float,
    metric_lag: float,
    startup: float,
    listen: tuple[str, int],
    listen_tls_cert: Path | None,
    listen_tls_key: Path | None,
    metrics_auth: bool,
    console_at: tuple[str, int] | None,
    console_tls_cert: Path | None,
    console_tls_key: Path | None,
    plain_http: bool,
    token_audience: tuple[str, ...],
    lease_name: str,
    lease_namespace: str,
    leader_election: bool,
    state_dir: str | None,
    otlp_endpoint: str | None,
    kubeconfig: str | None,
    kube_context: str | None,
    log_format: str,
    log_level: str,
) -> None:
    """Run the operator until it is told to stop."""
    check_addresses(prometheus, allow_prometheus)
    front = Door(*listen, listen_tls_cert, listen_tls_key, plain_http, "--listen", takes_tokens=metrics_auth)
    door = None
    if console_at is not None:
        door = Door(*console_at, console_tls_cert, console_tls_key, plain_http)
    elif more := typed(("console_tls_cert", "console_tls_key")):
        raise click.UsageError(f"{more[0]} is of the console: say where it is served by --console HOST:PORT")
    configure(form=log_format, level=log_level)
    settings = Settings(
        default_server_address=prometheus,
        allowed_server_addresses=allow_prometheus,
        namespaces=namespace,
        interval_seconds=interval,
        metric_lag_seconds=metric_lag,
        startup_seconds=startup,
        lease_name=lease_name,
        lease_namespace=lease_namespace,
        identity=f"{socket.gethostname()}_{os.getpid()}",
        leader_election=leader_election,
        state_dir=state_dir,
    )
    try:
        asyncio.run(
            serve(
                settings,
                front=front,
                door=door,
                audiences=token_audience,
                otlp=otlp_endpoint,
                kubeconfig=kubeconfig,
                context=kube_context,
            )
        )
    except (BadConfiguration, CannotServe) as error:
        raise click.ClickException(str(error)) from error


def check_addresses(prometheus: str | None, allowed: tuple[str, ...]) -> None:
    """Refuse an address that cannot be one before anything is connected."""
    try:
        listed = AllowList(allowed)
        if prometheus:
            listed.including(prometheus)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _sending(metrics: Metrics, endpoint: str | None, *, instance: str) -> AbstractAsyncContextManager[object]:
    """Return what sends by OTLP while it is open; without an endpoint nothing."""
    if endpoint is None:
        return nullcontext()
    try:
        from bayescaler.telemetry.otlp import Otlp
    except ModuleNotFoundError as missing:
        raise click.ClickException(f"--otlp-endpoint needs bayescaler[otel] ({missing})") from None
    if urlsplit(endpoint).scheme not in {"http", "https"} or not urlsplit(endpoint).hostname:
        raise click.ClickException(f"--otlp-endpoint {endpoint!r} is no address: give one like http://collector:4318")
    return Otlp(metrics, endpoint, instance=instance)


async def serve(
    settings: Settings,
    *,
    front: Door,
    door: Door | None,
    audiences: tuple[str, ...],
    otlp: str | None,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Connect, serve probes and metrics at `front` and the console at `door`, wait for our kind, watch and tick until
    SIGINT or SIGTERM.
    """
    for one in (front, door):
        if one is not None:
            one.check()
    stop = asyncio.Event()
    for sig in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    client = await KubeClient.connect(kubeconfig=kubeconfig, context=context)
    operator, kind = Operator.on_prometheus(client, settings), ServedKind(client)
    async with AsyncExitStack() as exits:
        # What strangers ask must not queue before the Lease.
        asking = await exits.enter_async_context(client.separate())
        access = await exits.enter_async_context(Access(asking, audiences=audiences))
        served = endpoints(
            operator.metrics.exposition,
            live=operator.live,
            ready=lambda: kind.wrong or operator.ready(),
            door=front,
            requests=operator.metrics.http_requests,
            access=access if front.takes_tokens else None,
        )
        address = await exits.enter_async_context(served)
        log.info("serving probes and metrics", extra={"port": address.port, "address": str(address)})
        await exits.enter_async_context(_sending(operator.metrics, otlp, instance=settings.identity))
        if door is not None:
            page = console(operator, access, door, refresh_seconds=settings.interval_seconds)
            log.info("serving the console", extra={"address": await exits.enter_async_context(page)})
        await asyncio.to_thread(warm_up)
        try:
            if await _before(stop, kind.wait()):
                await operator.start()
                await watch(
                    operator.registry.observe,
                    client.connection,
                    namespaces=settings.namespaces,
                    identity=settings.identity,
                    stop=stop,
                )
        finally:
            await operator.stop()


async def _before(stop: asyncio.Event, waited: Coroutine[Any, Any, None]) -> bool:
    """Wait for something, no longer than until `stop`; whether it came."""
    coming, stopping = asyncio.create_task(waited), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({coming, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if coming.done():
            await coming
        return not stop.is_set()
    finally:
        for task in (coming, stopping):
            task.cancel()
        await asyncio.gather(coming, stopping, return_exceptions=True)
