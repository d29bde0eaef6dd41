"""One workload of a fleet as a piece of work that any process can do: plain data in, a row or a reason out."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import Progress

from bayescaler import __version__
from bayescaler.control.settings import Settings
from bayescaler.control.translate import Intent, translate
from bayescaler.policy import Behavior
from bayescaler.replay.baselines import TARGET, Hpa, Keda
from bayescaler.replay.fleet import Present, Row, weigh
from bayescaler.replay.judgement import Prices
from bayescaler.replay.startup import StartUp
from bayescaler.sources.port import SourceError
from bayescaler.sources.trace import Trace, Unit
from bayescast import BayescastError, Kind

from .backtest import case_of
from .load import Origin

if TYPE_CHECKING:
    from bayescaler.migrate import Steering

SCALED_OBJECT = "ScaledObject"


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload to replay: a BayesianAutoscaler, as it is or as it was made of what `steering` tells of."""

    name: str
    kind: str
    manifest: Mapping[str, Any]
    steering: "Steering | None" = None
    trace: Path | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not in the table, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for every workload of a run. `since` and `until` (epoch seconds) are of `prometheus`.

    utilization: the share of what a pod serves that the target of an HPA or ScaledObject is, if it does not say.
    """

    settings: Settings
    start_up: StartUp
    min_history: float | None
    seed: int
    prices: Prices
    unit: Unit | None
    exclude: tuple[tuple[float, float], ...]
    prometheus: str | None
    auth: Path | None
    since: float
    until: float
    utilization: float

    @property
    def told(self) -> str:
        """All of it in words: the same for the same answers."""
        return repr(replace(self, start_up=self.start_up.name))  # type: ignore[arg-type]  # its function has no words


@dataclass(frozen=True, slots=True)
class Job:
    """A workload to be replayed. `digest` names the answer; `load` if it is sent along, not read where work is done."""

    workload: Workload
    options: Options
    digest: str
    load: Trace | None = None

    @classmethod
    def of(cls, workload: Workload, options: Options) -> "Job":
        """Make one; its digest is of the manifest, the trace's content and the options. OSError: there is no trace."""
        digest = hashlib.sha256(repr((__version__, replace(workload, trace=None), options.told)).encode())
        if workload.trace is not None:
            digest.update(workload.trace.read_bytes())
        return cls(workload, options, digest.hexdigest())

    def loaded(self) -> "Job":
        """Return the same with its trace read; TraceError says why it cannot be."""
        return self if self.workload.trace is None else replace(self, load=self._read(self._unit()))

    def run(self) -> Row:
        """Replay it; ValueError, SourceError or BayescastError say why that cannot be."""
        load = self.load or self._read(self._unit())
        manifest, per_replica = self._manifest(load.step_seconds)
        intent = self._intent(manifest)
        options = self.options
        case = case_of(
            self.workload.name,
            intent,
            load,
            options.settings,
            options.start_up,
            min_history=options.min_history,
            seed=options.seed,
        )
        return weigh(case, self.workload.kind, self._present(intent, per_replica), options.prices)

    def _read(self, unit: Unit) -> Trace:
        options, workload = self.options, self.workload
        if workload.trace is not None:
            return Origin(unit, trace=workload.trace, exclude=options.exclude).read(Progress(disable=True))
        query = self._intent(workload.manifest).query
        origin = Origin(
            unit,
            prometheus=options.prometheus,
            query=query.query,
            step=query.step_seconds,
            auth=options.auth,
            exclude=options.exclude,
            since=lambda _: options.since,
            until=lambda _: options.until,
        )
        return origin.read(Progress(disable=True))

    def _unit(self) -> Unit:
        units: Mapping[Kind, Unit] = {Kind.RATE: "rate", Kind.COUNT: "count", Kind.GAUGE: "gauge"}
        return self.options.unit or units[self._intent(self.workload.manifest).forecast.kind]

    def _intent(self, manifest: Mapping[str, Any]) -> Intent:
        namespace, _, name = self.workload.name.partition("/")
        return translate(namespace, name, manifest, self.options.settings)

    def _manifest(self, step_seconds: float) -> tuple[Mapping[str, Any], float | None]:
        """Return the manifest to replay, and the load per replica that what is there steers to.

        One that was made of an HPA says that a pod serves its target, and no step and kind of its own: here a pod
        serves what the target is a share of, and the load is as it comes.
        """
        manifest = self.workload.manifest
        if self.workload.steering is None:
            return manifest, None
        spec = manifest["spec"]
        target = float(spec["capacity"]["perReplica"])
        share = self._share()
        load: dict[str, Any] = {"step": f"{step_seconds:g}s"}
        if self.options.unit is not None:
            load["kind"] = "Gauge" if self.options.unit == "gauge" else "Rate"
        return {
            **manifest,
            "spec": spec
            | {
                "capacity": {"perReplica": target / share},
                "load": spec["load"] | load,
                "fallback": spec["fallback"] | {"reactive": {"targetUtilization": share}},
            },
        }, target

    def _share(self) -> float:
        steering = self.workload.steering
        told = steering.utilization if steering is not None else None
        return min(self.options.utilization if told is None else told, 1.0)

    def _present(self, intent: Intent, per_replica: float | None) -> Present:
        steering, policy = self.workload.steering, intent.policy
        if steering is None or per_replica is None:
            return Present(f"HPA at {TARGET:.0%}", TARGET * policy.capacity, Hpa)
        behavior: Behavior | None = policy.behavior if steering.has_behavior else None
        name = f"{'KEDA' if self.workload.kind == SCALED_OBJECT else 'HPA'} at {self._share():.0%}"
        if not steering.scales_from_zero:
            return Present(name, per_replica, partial(Hpa, behavior=behavior))
        keda = partial(
            Keda,
            activation_threshold=steering.activation,
            polling_interval_seconds=steering.polling_seconds,
            cooldown_period_seconds=steering.cooldown_seconds,
            ignore_null_values=steering.ignores_null,
            behavior=behavior,
        )
        return Present(name, per_replica, keda)


def run(job: Job) -> Row | LeftOut:
    """Replay one workload; whatever is wrong with it is its own reason, and nobody else's trouble."""
    try:
        return job.run()
    except SourceError as error:
        # Of one workload alone, --keep would be the cure; of many it is to run the same command again.
        return LeftOut(job.workload.name, str(error).partition(": give --keep")[0])
    except (ValueError, BayescastError) as error:
        return LeftOut(job.workload.name, str(error))
    except Exception as error:  # noqa: BLE001 - one bad workload must not end the run of all others
        return LeftOut(job.workload.name, f"failed: {type(error).__name__}: {error}")
