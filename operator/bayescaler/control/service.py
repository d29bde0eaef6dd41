"""Put the rooms together: one running operator, without the framework that feeds it events."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bayescaler.cluster.autoscalers import list_autoscalers
from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.discovery import ScaleDiscovery
from bayescaler.cluster.errors import ApiError
from bayescaler.cluster.events import EventRecorder
from bayescaler.cluster.lease import LeaseElector
from bayescaler.cluster.saved_states import SavedStates
from bayescaler.cluster.scaler_store import ScalerStore
from bayescaler.cluster.targets import TargetStore
from bayescaler.sources.allow import AllowList
from bayescaler.sources.port import LoadSource
from bayescaler.sources.prometheus import PrometheusSource
from bayescaler.telemetry.metrics import Metrics

from .act import Actuator
from .canaries import Canaries
from .capacities import Capacities
from .checkpoints import Checkpoints
from .collect import Collector
from .credentials import AuthenticatedSource, Credentials
from .estimate import BankPool
from .keeper import Keeper, pause_seconds
from .lead_times import LeadTimes
from .loop import Loop
from .observe import Observer
from .registry import Registry
from .report import Reporter
from .rivals import Rivals
from .samples import samples
from .settings import Settings
from .warmup import WarmUp
from .workload import Workload

log = logging.getLogger(__name__)
RESYNC_LOOK_SECONDS = 2.0
LOOP = "loop"


class Operator:
    """Everything that runs: the registry, the warm-up, the loop, the elector, the resync.

    The Lease is kept on connections of its own; without leader election this replica always writes.  `clock` gives
    epoch seconds. `beside` is what utilisations are read from, so that they stand in no load's way; default: `source`.
    """

    def __init__(
        self,
        client: KubeClient,
        source: LoadSource,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        beside: LoadSource | None = None,
    ) -> None:
        self.settings, self._client, self._source, self._clock = settings, client, source, clock
        self.events = EventRecorder(client, instance=settings.identity, clock=clock)
        self.metrics = Metrics(lambda: samples(self.registry), events=self.events.counts)
        self.banks = BankPool()
        self._beside = beside or source
        self.checkpoints = (
            Checkpoints(Path(settings.state_dir), self.banks, settings, self.metrics) if settings.state_dir else None
        )
        self.warmup = WarmUp(source, self.banks, settings, self.metrics, clock=clock, checkpoints=self.checkpoints)
        self.keeper = self._made_keeper()
        self.registry = self._made_registry()
        self.canaries = self._made_canaries()
        self._discovery = ScaleDiscovery(client)
        failed, places = self.metrics.failures.labels("watch").inc, settings.namespaces or None
        self.targets = TargetStore(client, self._discovery, namespaces=places, failed=failed)
        self.scalers = ScalerStore(client, namespaces=places, failed=failed)
        self._lease_client = client.separate()
        self.elector = self._made_elector() if settings.leader_election else None
        self.metrics.leader.set_function(lambda: float(self.may_write()))
        self.reporter = Reporter(client, self.events, settings, self.metrics, may_write=self.keeper.in_charge)
        self.lead_times = LeadTimes(client, settings, self.metrics, on_new_lead=self.warmup.enqueue)
        self.capacities = Capacities(self._beside, settings, self.metrics)
        self.loop = self._made_loop()
        self._listed = asyncio.Event()
        self._not_listed: ApiError | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    def on_prometheus(
        cls, client: KubeClient, settings: Settings, *, clock: Callable[[], float] = time.time
    ) -> "Operator":
        """The operator as it is run: load from Prometheus, credentials from the objects' own Secrets."""
        credentials = Credentials(client)

        def reader(max_in_flight: int) -> LoadSource:
            source = PrometheusSource(
                settings.default_server_address or "",
                AllowList(settings.allowed_server_addresses),
                auth_for=credentials,
                max_in_flight=max_in_flight,
            )
            return AuthenticatedSource(source, credentials)

        most = settings.max_queries_in_flight
        return cls(client, reader(most), settings, clock=clock, beside=reader(max(1, most // 4)))

    def _made_keeper(self) -> Keeper:
        return Keeper(
            SavedStates(self._client, self.settings.lease_namespace, self.settings.lease_name),
            self.settings,
            self.metrics,
            workloads=lambda: self.registry,
            may_write=self.may_write,
            term=lambda: 0 if self.elector is None else self.elector.transitions,
            listed=lambda: self.registry.synced_at is not None,
        )

    def _made_registry(self) -> Registry:
        return Registry(
            self.settings,
            on_new_load=self.warmup.enqueue,
            on_gone=self._forget,
            may_write=self.may_write,
            recall=self.keeper.recall,
            failed=self.metrics.failures.labels("watch").inc,
        )

    def _made_canaries(self) -> Canaries:
        return Canaries(
            self._source,
            self.banks,
            self.settings,
            self.metrics,
            self.events,
            may_write=self.keeper.in_charge,
            on_new_load=self.warmup.enqueue,
            clock=self._clock,
        )

    def _made_elector(self) -> LeaseElector:
        return LeaseElector(
            self._lease_client,
            self.settings.lease_namespace,
            self.settings.lease_name,
            self.settings.identity,
            on_stopped=self.keeper.lost,
        )

    def _made_loop(self) -> Loop:
        return Loop(
            self.registry,
            Collector(self._source, self.settings, self.metrics),
            Observer(
                self._client,
                self.targets,
                self.settings,
                self.metrics,
                rivals=Rivals(self.scalers, self.settings, self.metrics, may_write=self.keeper.in_charge),
            ),
            self.banks,
            Actuator(
                self._client,
                self._discovery,
                self.targets,
                self.events,
                self.settings,
                self.metrics,
                may_write=self.keeper.in_charge,
                scalers=self.scalers,
                may_scale_in=self.may_scale_in,
            ),
            self.reporter,
            self.metrics,
            may_write=self.keeper.in_charge,
            may_scale_in=self.may_scale_in,
            learners=(
                self.lead_times,
                self.capacities,
                self.keeper,
                self.canaries,
                *(() if self.checkpoints is None else (self.checkpoints,)),
            ),
            successor=self.keeper,
            canaries=self.canaries,
            lag_seconds=self.settings.metric_lag_seconds,
            pause_seconds=pause_seconds(self.settings),
        )

    def may_write(self) -> bool:
        """Whether this replica is the one that writes."""
        return self.elector is None or self.elector.is_leader

    def may_scale_in(self) -> bool:
        """Whether the view of the cluster is newer than the last loss of its watch."""
        return self.registry.synced_at is not None and self.targets.synced and not self._outdated()

    def _outdated(self) -> bool:
        """Whether the targets were listed anew, after their watch was lost, and our objects not yet."""
        ours, theirs = self.registry.synced_at, self.targets.synced_at
        return ours is None or (theirs is not None and ours < theirs)

    async def start(self, *, ticking: bool = True) -> None:
        """Begin; with `ticking=False` the caller runs `loop.tick` itself (the sandbox does, in simulated time)."""
        await self.keeper.start()
        if self.checkpoints is not None:
            await self.checkpoints.start()
        self.warmup.start()
        self._spawn(self._resync(), "resync")
        self._spawn(self.targets.run(), "targets")
        self._spawn(self.scalers.run(), "scalers")
        self._spawn(self.events.run(), "events")
        if self.elector is not None:
            self._spawn(self.elector.run(), "lease")
        if ticking:
            self._spawn(self._tick_when_synced(), LOOP)

    async def stop(self) -> None:
        """End: decide no more, save what is to be saved, hand the Lease back."""
        ticking = [task for task in self._tasks if task.get_name() == LOOP]
        for task in ticking:
            task.cancel()
        await asyncio.gather(*ticking, return_exceptions=True)
        await self.keeper.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.warmup.stop()
        await self.canaries.stop()
        if self.checkpoints is not None:
            await self.checkpoints.save_all(tuple(self.registry))
        await self.lead_times.stop()
        await self.capacities.stop()
        await self._source.close()
        if self._beside is not self._source:
            await self._beside.close()
        await self._lease_client.close()
        await self._client.close()

    def live(self) -> str | None:
        """Liveness: everything beside the loop still runs, and the loop has ticked lately or has not begun."""
        for task in self._tasks:
            if task.done():
                return f"{task.get_name()} has ended"
        last = self.loop.last_tick_at
        if last is None:
            return None
        age = self._clock() - last
        limit = max(60.0, 6 * self.settings.interval_seconds)
        return None if age < limit else f"no tick has ended for {age:.0f} s"

    def ready(self) -> str | None:
        """Readiness: objects and targets are listed; leadership is no part of it."""
        if self.registry.synced_at is None:  # which waits for the targets
            return f"the BayesianAutoscalers have not been listed yet{_because(self.targets.error or self._not_listed)}"
        return None if self.targets.synced else f"the targets have not been listed yet{_because(self.targets.error)}"

    async def synced(self) -> None:
        """Wait for the first full view of the cluster."""
        await self._listed.wait()

    async def _tick_when_synced(self) -> None:
        """Tick for ever; the first posteriors are waited for as long as any tick waits for load."""
        await self.synced()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.warmup.idle(), self.settings.collect_deadline_seconds)
        await self.loop.run(interval_seconds=self.settings.interval_seconds, clock=self._clock)

    async def _resync(self) -> None:
        """List all objects at the start, then by `resync_seconds`, and whenever the targets had to be listed anew."""
        await self.targets.wait_synced()
        due = time.monotonic()
        while True:
            began = time.monotonic()
            if began >= due or self._outdated():
                self.registry.begin_list()
                try:
                    self.registry.replace(await self._list(), now=began)
                except ApiError as error:
                    self._note_list(error)
                except Exception:
                    log.exception("objects could not be listed")
                    self.metrics.failures.labels("resync").inc()
                else:
                    self._note_list(None)
                    self._listed.set()
                    due = began + self.settings.resync_seconds * max(1.0, len(self.registry) / 1000)
            await asyncio.sleep(RESYNC_LOOK_SECONDS)

    def _note_list(self, error: ApiError | None) -> None:
        """Log why objects cannot be listed, once for as long as it is the same, and that they are again."""
        if error is not None and str(error) != str(self._not_listed):
            log.warning("objects could not be listed", extra={"why": str(error)})
        elif error is None and self._not_listed is not None:
            log.info("objects are listed again")
        self._not_listed = error

    async def _list(self) -> list[dict[str, Any]]:
        objects: list[dict[str, Any]] = []
        for namespace in self.settings.namespaces or (None,):
            async for page in list_autoscalers(self._client, namespace):
                objects += page
        return objects

    def _forget(self, workload: Workload) -> None:
        self.canaries.forget(workload)
        if self.checkpoints is not None:
            self.checkpoints.forget(workload)
        if workload.seat is not None:
            self.banks.release(workload.seat)
            workload.seat = None

    def _spawn(self, job: Awaitable[Any], name: str) -> None:
        self._tasks.append(asyncio.ensure_future(job))
        self._tasks[-1].set_name(name)


def _because(error: ApiError | None) -> str:
    return "" if error is None else f": {error}"
