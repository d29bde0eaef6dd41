"""Our own decisions along a load: the forecaster and the rules that run in the cluster, nothing written anew.

What was issued after each bucket serves every quantile and every policy; the rules then run over all instants at once,
and any single decision can be had back with all its reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayescaler.policy import (
    Decision,
    Evidence,
    Health,
    Limiter,
    Mode,
    Observation,
    Outlook,
    Phase,
    Policy,
    Rung,
    decide,
)
from bayescaler.policy.along import History, blank, decide_along
from bayescaler.policy.freshness import is_live, missed_buckets
from bayescaler.policy.kernels import columns as col
from bayescaler.policy.kernels.step import FINAL, LIMITED_BY, ON_RUNG
from bayescaler.policy.schedules import along
from bayescaler.policy.state import State
from bayescaler.policy.trust import Change, Standing, judge, nearest_level
from bayescaler.policy.types import SILENT
from bayescast import LEVELS, Family, Forecaster, ForecastSpec, Predictive, Track

from .scenario import Scenario

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_LIMITERS, _RUNGS, _PHASES = tuple(Limiter), tuple(Rung), tuple(Phase)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of the load at each decision, shapes (n,).

    newest: the newest bucket with data, -1 before any. live: whether it stands for the load now. complete: whether it
    is the newest that could be known. missed: buckets by which a forecast made after it has aged.
    """

    newest: Integers
    live: Flags
    complete: Flags
    missed: Integers


def known(scenario: Scenario) -> Known:
    """Return what the operator would know at each decision."""
    places = np.arange(len(scenario.loads))
    measured = np.maximum.accumulate(np.where(np.isnan(scenario.loads), -1, places))
    newest = np.where(scenario.known > 0, measured[scenario.known - 1], -1)
    age = scenario.instants - (newest + 1) * scenario.step_seconds
    live = (newest >= 0) & is_live(age, scenario.step_seconds, scenario.lag_seconds)
    complete = (newest >= 0) & (newest == scenario.known - 1)
    return Known(newest, live, complete, missed_buckets(age, scenario.step_seconds))


@dataclass(frozen=True, eq=False)
class Forecasts:
    """What the forecaster issued along a scenario, and what is known when.

    tracks: by lead, then by bucket, in the unit of the forecaster; `scale` brings it to that of the scenario's loads.
    """

    scenario: Scenario
    spec: ForecastSpec
    scale: float
    tracks: Mapping[int, Track]
    family: Family
    known: Known
    _phases: dict[float, Integers] = field(default_factory=dict, init=False, repr=False)

    @property
    def track(self) -> Track:
        """Those of the lead window."""
        return self.tracks[self.spec.leads[0]]

    @cached_property
    def doubted(self) -> Floats:
        """Zeros in a row, up to the newest bucket, that are not to be believed yet, at each decision, shape (n,)."""
        newest = self.known.newest
        return np.where(newest >= 0, self.track.doubted[newest], 0.0)

    def outlook(self, bucket: int, missed: int = 0) -> Outlook:
        """Return the forecasts issued after a bucket, as they are read when so many more should have come."""
        return Outlook(*(self._issued(lead, bucket, missed) for lead in (self.spec.leads[0], self.spec.leads[-1])))

    def _issued(self, lead: int, bucket: int, missed: int) -> Predictive:
        issued_at = self.scenario.start + (bucket + 1) * self.spec.step_seconds
        values, step = self.tracks[lead].quantiles[bucket], self.spec.step_seconds
        issued = Predictive(np.array(LEVELS), values, lead, step, issued_at, self.family)
        return issued.aged(missed).scaled(self.scale)

    @cached_property
    def readings(self) -> tuple[Floats, Integers]:
        """Every reading of the forecasts, (m, 2, 9), and the place of each decision's, (n,)."""
        newest, missed = self.known.newest, self.known.missed
        pairs = [self.tracks[lead].quantiles for lead in (self.spec.leads[0], self.spec.leads[-1])]
        none = np.full((1, 2, len(LEVELS)), np.nan)
        table = [np.stack(pairs, axis=1) * self.scale]
        aged = np.flatnonzero((newest >= 0) & (missed > 0))
        late, places = np.unique(np.stack([newest, missed], axis=1)[aged], axis=0, return_inverse=True)
        table += [np.array([[one.values for one in self.outlook(*reading)]]) for reading in late.tolist()]
        issued = np.where(newest >= 0, newest, len(table[0]) + len(late))
        issued[aged] = len(table[0]) + places.ravel()
        return np.concatenate([*table, none]), issued

    def history(self, seen: Floats) -> History:
        """Return what the rules go by, with what was seen at each decision."""
        scenario, (outlooks, issued) = self.scenario, self.readings
        ends = scenario.start + np.arange(1, len(scenario.loads) + 1) * scenario.step_seconds
        buckets = np.stack((ends, np.where(self.track.doubted < SILENT, scenario.loads, np.nan)), axis=1)
        return History(seen, buckets, self.known.newest + 1, outlooks, issued, scenario.interval_seconds)

    def phases(self, policy: Policy) -> Integers:
        """Return how far the forecast is trusted at each decision, as places in Phase, shape (n,)."""
        level = nearest_level(LEVELS, policy.promised)
        if level not in self._phases:
            self._phases[level] = self._phases_at(level)
        return self._phases[level]

    def _phases_at(self, level: float) -> Integers:
        track, place = self.track, LEVELS.index(level)
        season = int(min(self.spec.seasons, default=0.0) / self.spec.step_seconds)
        buckets, places = np.unique(self.known.newest, return_inverse=True)
        known = np.maximum(buckets, 0)
        changed = np.maximum.accumulate(np.where(track.change != 0.0, np.arange(len(track.change)), -1))[known]
        rows = zip(
            buckets.tolist(),
            track.disjoint_windows[known].astype(np.int64).tolist(),
            *(kept[known, place].tolist() for kept in (track.coverage, track.skill, track.headroom_lost)),
            track.recent_misses[known, place].astype(np.int64).tolist(),
            np.cumsum(~np.isnan(self.scenario.loads) & (track.doubted == 0.0))[known].tolist(),
            changed.tolist(),
            (track.change[changed] > 0.0).tolist(),
            track.windows_since_change[known].astype(np.int64).tolist(),
            strict=True,
        )
        standing, phases = Standing(), []
        for bucket, windows, coverage, skill, lost, misses, seen, at, rise, since in rows:
            if bucket >= 0:
                change = Change(self.scenario.start + at * self.spec.step_seconds, rise, since) if at >= 0 else None
                covered = coverage if windows else None
                shown = Evidence(windows, covered, level, skill, seen, season, lost, misses, change)
                standing = judge(shown, standing)
            phases.append(_PHASES.index(standing.phase))
        return np.array(phases, dtype=np.int64)[places]


def forecasts(scenario: Scenario, spec: ForecastSpec, *, scale: float = 1.0) -> Forecasts:
    """Run the forecaster along a scenario; BayescastError if it cannot take the load."""
    forecaster = Forecaster(spec)
    times = scenario.start + np.arange(len(scenario.loads)) * scenario.step_seconds
    tracks = forecaster.track(times, scenario.loads / scale)
    return Forecasts(scenario, spec, scale, tracks, forecaster.diagnostics().family, known(scenario))


@dataclass(frozen=True, eq=False)
class Decided:
    """The decisions of one policy along a scenario, shapes (n,): the load and demand they saw, what they came to."""

    policy: Policy
    forecasts: Forecasts
    seen: Floats
    replicas: Integers
    limited_by: Integers
    on_rung: Integers
    phases: Integers

    @property
    def instants(self) -> Floats:
        """When each takes effect, epoch seconds."""
        return np.asarray(self.seen[:, col.NOW])

    @property
    def load(self) -> Floats:
        """The live load at each decision, NaN where there was none."""
        return np.asarray(self.seen[:, col.LOAD])

    @property
    def demand(self) -> Floats:
        """The load prepared for, NaN without a forecast."""
        return np.asarray(self.seen[:, col.DEMAND])

    @cached_property
    def limiters(self) -> list[Limiter]:
        """The rule that fixed each number."""
        return [_LIMITERS[i] for i in self.limited_by.tolist()]

    def decisions(self, places: Sequence[int]) -> list[Decision]:
        """Return single decisions with all their reasons."""
        order = sorted(set(places))
        states = decide_along(self.policy, self.forecasts.history(self.seen.copy()), order)[1][:-1]
        found = {place: self._decision(place, state) for place, state in zip(order, states, strict=True)}
        return [found[place] for place in places]

    def _decision(self, place: int, state: State) -> Decision:
        forecasts, row = self.forecasts, self.seen[place]
        bucket, live = int(forecasts.known.newest[place]), not np.isnan(row[col.LOAD])
        observation = Observation(
            replicas=int(row[col.REPLICAS]),
            ready_replicas=None,
            health=_health(live, bucket, float(forecasts.doubted[place])),
            load=float(row[col.LOAD]) if live else None,
            phase=_PHASES[self.phases[place]],
            load_at=float(row[col.LOAD_AT]),
            scale_in_allowed=bool(row[col.SCALE_IN_ALLOWED]),
            earlier=self._earlier(place),
        )
        outlook = forecasts.outlook(bucket, int(forecasts.known.missed[place])) if bucket >= 0 else None
        return decide(self.policy, observation, outlook, state, now=float(row[col.NOW]))[0]

    def _earlier(self, place: int) -> tuple[tuple[float, float], ...]:
        """Return the buckets that had come since the decision before, but for the newest."""
        past = self.forecasts.history(self.seen)
        before = past.heard[place - 1] if place else past.heard[place]
        came = past.buckets[before : max(past.heard[place] - 1, before)]
        return tuple((float(end), float(load)) for end, load in came[np.isfinite(came[:, 1])])


def _health(live: bool, bucket: int, doubted: float) -> Health:
    if live:
        return Health.LIVE
    if doubted >= SILENT:
        return Health.IMPLAUSIBLE
    return Health.STALE if bucket >= 0 else Health.ABSENT


def decided(forecasts: Forecasts, policy: Policy) -> Decided:
    """Let a policy decide at every instant of the scenario; what it would apply in mode Auto is what runs next."""
    policy = replace(policy, mode=Mode.AUTO, paused=False)
    scenario, at_hand = forecasts.scenario, forecasts.known
    phases = forecasts.phases(policy)
    seen = blank(len(scenario.instants))
    seen[:, col.NOW] = scenario.start + scenario.instants
    seen[0, col.REPLICAS] = scenario.first_replicas
    seen[:, col.LOAD] = np.where(at_hand.live & (forecasts.doubted < SILENT), scenario.loads[at_hand.newest], np.nan)
    seen[:, col.LOAD_AT] = scenario.start + (at_hand.newest + 1) * scenario.step_seconds
    seen[:, col.TRUSTED] = phases == _PHASES.index(Phase.TRUSTED)
    seen[:, col.SCALE_IN_ALLOWED] = at_hand.complete & (forecasts.doubted != 1.0)
    scheduled = along(policy.schedules, seen[:, col.NOW], lead_seconds=policy.lead_seconds)
    seen[:, col.SCHEDULE_FLOOR], seen[:, col.SCHEDULE_CEILING] = scheduled
    out, _ = decide_along(policy, forecasts.history(seen))
    return Decided(policy, forecasts, seen, out[:, FINAL], out[:, LIMITED_BY], out[:, ON_RUNG], phases)
