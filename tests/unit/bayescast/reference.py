"""The forecaster once more, slow and dense: what docs/forecaster.md says, bucket by bucket, of one workload.

All that was issued is kept, and windows are looked up in the whole past.
"""

import math
from types import SimpleNamespace

import numpy as np

from bayescast import Family, Kind

from .reference_issue import ADD_LAST, ADD_SLOW, LEARNED, LOG, SLOW, Issuing
from .reference_parts import MOST_COUNTED, TAU, Atoms, Lead, Season, clip, gain, single

MISSING, SEEN, SATURATED = range(3)


def pinball(outcome, quantile):
    return np.maximum(TAU * (outcome - quantile), (TAU - 1.0) * (outcome - quantile))


class Reference(Issuing):
    """Forecaster of one workload by the clock of UTC, without events."""

    def __init__(self, spec):
        self.spec, self.s = spec, spec.settings
        self.seasons = [Season(spec, period, i == 0) for i, period in enumerate(sorted(spec.seasons))]
        self.hour = math.ceil(3600.0 / spec.step_seconds - 1e-9)
        self.leads = [Lead(spec, window, self.seasons, self.hour) for window in spec.leads]
        self.gaussian = spec.resolved_family is Family.GAUSSIAN
        self.seen, self.mean, self.mean_n, self.gap, self.surplus = 0, 0.0, 0.0, 0, 0.0
        self.shape, self.rate, self.level = np.zeros(3), np.ones(3), np.zeros(3)
        self.rival, self.errors, self.rest = 0.0, [0.0, 0.0], int(self.s.family_rest)
        self.dispersion = [self.s.dispersion_prior * self.s.dispersion_weight, self.s.dispersion_weight]
        self.alarm = SimpleNamespace(scale=0.0, rest=30, up=0.0, down=0.0)
        self.rise_at = None
        self.bound, self.bound_seen, self.fractions = 0.0, 0, False
        self.loads, self.statuses, self.silence, self.atoms = [], [], 0.0, Atoms()

    def replay(self, times, values, saturated):
        """Return by lead the (n, levels) quantiles issued after each bucket."""
        issued = [[self._bucket(*given)] for given in zip(times, values, saturated, strict=True)]
        return {lead: np.array([row[0][i] for row in issued]) for i, lead in enumerate(self.spec.leads)}

    def _bucket(self, time, value, saturated):
        if self.seen == 0 and math.isnan(value):
            return [np.full(len(TAU), np.nan)] * len(self.leads)
        value = self._believed(value)
        status = MISSING if math.isnan(value) else SATURATED if saturated else SEEN
        self.loads.append(value)
        self.statuses.append(status)
        self.clock = len(self.loads)
        if status != MISSING:
            self.seen += 1
            self.mean_n = min(self.mean_n + 1.0, self.s.mean_memory)
            self.mean += (value - self.mean) / self.mean_n
            floor = self.s.count_offset if self.spec.kind is Kind.COUNT else self.s.floor_offset
            self.offset = self.s.relative_offset * self.mean + floor
        for lead in self.leads:
            self._end_window(lead)
        slots = [season.slot(time) for season in self.seasons]
        self._absorb(value, status, slots)
        hour = math.floor(time / self.spec.step_seconds + 1e-6) % self.hour
        return [self._issue(lead, slots, hour) for lead in self.leads]

    def _believed(self, value):
        """A zero only where zeros are not rare."""
        n = min(len(self.loads) + 1.0 + self.s.silence_prior * self.s.silence_memory, self.s.silence_memory)
        if not math.isnan(value):
            self.silence += ((value == 0.0) - self.silence) / n
        rare = self.mean > 0.0 and self.silence < self.s.silence_share
        return math.nan if value == 0.0 and rare else value

    # A window ends.

    def _end_window(self, lead):
        window, origin = lead.window, self.clock - 1 - lead.window
        if origin < 0 or self.statuses[origin] == MISSING:
            return
        loads, statuses = self.loads[origin + 1 :], self.statuses[origin + 1 :]
        if window - statuses.count(MISSING) < (1.0 - self.s.missing_share) * window:
            return
        outcome, censored, issue = float(np.nanmax(loads)), SATURATED in statuses, lead.issues[origin]
        if censored and outcome <= issue.issued[0]:
            return
        lead.windows += 1
        z = math.log(outcome + issue.offset)
        self._owe(lead, issue, outcome, censored)
        self._charge(lead, issue, outcome)
        self._residuals(lead, issue, outcome, z)
        self._learn_spread(lead, issue, abs(z - issue.location[SLOW]))
        self._learn_templates(lead, issue, z)
        for k, (fit, noise) in enumerate(zip((lead.slow, lead.fast), lead.noise, strict=True)):
            error = z - issue.base - fit.weights @ issue.x
            fit.learn(issue.x, error, noise, (self.clock - 1) % len(issue.x))
            lead.noise[k] = noise + 0.005 * (min(error**2, 25.0 * noise) - noise) + 1e-12

    def _owe(self, lead, issue, outcome, censored):
        missed = outcome - issue.issued > 1e-9
        for j in np.flatnonzero(missed | (not censored)):
            account = int(issue.high and lead.apart[j])
            lead.debts[account, j] += missed[j] - (1.0 - TAU[j]) - lead.debts[account, j] / self.s.tracker_memory

    def _charge(self, lead, issue, outcome):
        s = self.s
        own = pinball(outcome, issue.issued)
        lead.loss_scale += (own - lead.loss_scale) / min(lead.windows, 1000)
        unit = lead.loss_scale + 1e-12
        forgotten = s.hedge_forgetting / (1.0 + lead.window / s.hedge_lead)
        kept = 1.0 - forgotten * np.where(own / unit > s.hedge_idle, 1.0, s.hedge_idle_forgetting)
        excess = (np.array([pinball(outcome, quantile) for quantile in issue.quantiles]) - own) / unit
        lead.losses = kept * lead.losses + np.clip(excess, -s.hedge_clip, s.hedge_clip)

    def _residuals(self, lead, issue, outcome, z):
        s = self.s
        lead.mass *= 1.0 + 1.0 / (s.shape_memory * (1.0 + lead.window / s.shape_lead))
        lead.scale_n = min(lead.scale_n + 1.0, s.scale_memory)
        for e in range(8):
            residual = z - issue.location[e] if e in LOG else outcome - issue.value
            if e == ADD_SLOW:
                residual = outcome + issue.offset - math.exp(issue.location[SLOW])
            size = abs(residual) / (issue.spread if e in LEARNED else 1.0)
            slack = 0.1 if e in LOG else 0.1 * (issue.value + issue.offset)
            scale = lead.scales[e]
            scale += (min(size, 10.0 * scale + slack) - scale) / (lead.scale_n + 3.0)
            lead.scales[e] = max(scale, 1e-5) if e in LOG else scale
            if s.with_histograms:
                histogram = lead.histograms[e][issue.stratum.get(e, 0)]
                histogram.add(residual / max(issue.scale[e], 1e-300), lead.mass)

    def _learn_spread(self, lead, issue, size):
        lead.mean_residual += 0.002 * (size - lead.mean_residual)
        lead.recent_residual += 0.1 * (min(size, 10.0 * lead.recent_residual + 1e-6) - lead.recent_residual)
        mean = lead.mean_residual
        bounded = min(size, 10.0 * mean)
        if self.seasons:
            old, n = lead.slot_spread[issue.slots[0]]
            n = min(n + 1, MOST_COUNTED)
            share = gain(n, self.seasons[0].spread_share)
            lead.slot_spread[issue.slots[0]] = [single(old + share * (bounded - old)), n]
        below = int(issue.place)
        for b, share in ((below, 1.0 - (issue.place - below)), (below + 1, issue.place - below)):
            lead.level_spread[b, 1] = min(lead.level_spread[b, 1] + share, self.s.scale_memory)
            lead.level_spread[b, 0] += share * (bounded - lead.level_spread[b, 0]) / (lead.level_spread[b, 1] + 1.0)
        target = math.log((size + 0.05 * mean + 1e-9) / (mean + 1e-9))
        lead.spread.learn(issue.u, target - lead.spread.weights @ issue.u, 1.0, (self.clock - 1) % 5)

    def _learn_templates(self, lead, issue, z):
        rise = clip(z - issue.z, -5.0, 5.0)
        visits = 1 + max(self.seen - 1 - lead.window, 0) // self.hour
        old = lead.hour_rises[issue.hour]
        lead.hour_rises[issue.hour] = single(old + gain(visits, self.s.rise_gain) * (rise - old))
        for p, (season, slot) in enumerate(zip(self.seasons, issue.slots, strict=True)):
            share = gain(season.count[slot], season.share)
            lead.peaks[p].learn(slot, z, share)
            if p == 0:
                lead.rises[slot] = single(lead.rises[slot] + share * (rise - lead.rises[slot]))

    # A load is taken in.

    def _absorb(self, value, status, slots):
        offset, first = self.offset, self.clock == 1
        expected = self._expected(slots, status)
        load = value
        if status == MISSING or (status == SATURATED and not first):
            assumed = max(math.exp(min(expected, 600.0)) - offset, 0.0)
            load = assumed if status == MISSING else max(assumed, value)
        observed = status == SEEN or load == value
        z = math.log(load + offset)
        self.z, self.value = z, load
        self.gap = self.gap // 2 if observed else self.gap + 1
        if first:
            expected = z
            self._start(load, z)
        else:
            self._learn_levels(load, z, observed)
        if status == SEEN:
            self.atoms.learn(load)
        if status == SEEN and self.spec.kind is Kind.GAUGE:
            self._learn_bound(load)
        if observed:
            self._alarm(z - expected)
            self.top = z if z > self.top else self.top - self.s.cap_decay * (self.top - z)
            width = self.high - self.low
            self.low, self.high = min(z, self.low + 0.0005 * width), max(z, self.high - 0.0005 * width)
            self._learn_slots(z, slots)
        self.tallied = int(observed)

    def _profile(self, slots):
        for season, slot in reversed(list(zip(self.seasons, slots, strict=True))):
            if (found := season.expected(slot)) is not None:
                return found, season
        return self.level[2], None

    def _expected(self, slots, status):
        mean, season = self._profile(slots)
        if status != MISSING:
            return mean + season.slow if season else self.level[1]
        faded = math.exp(-self.spec.step_seconds / self.s.gap_memory_seconds)
        self.surplus *= faded
        for each in self.seasons:
            each.quick, each.slow = each.quick * faded, each.slow * faded
        return mean + self.surplus

    def _start(self, load, z):
        self.shape[:], self.level[:] = load, z
        self.low, self.high, self.top = z - 1.0, z + 1.0, z
        self.rival = load if self.gaussian else z
        for lead in self.leads:
            lead.scales[[ADD_SLOW, ADD_LAST]] *= load + self.offset

    def _learn_levels(self, load, z, observed):
        s, g = self.s, np.array(self.s.level_discounts)
        if observed and self.spec.family is Family.AUTO:
            self._learn_family(load, z)
        if self.gaussian:
            self.level += (1.0 - g) * (z - self.level)
            return
        weight = 1.0
        if self.spec.kind is Kind.COUNT:
            mean = self.shape[1] / self.rate[1]
            rho = clip(self.dispersion[0] / self.dispersion[1], 0.0, 20.0)
            if observed:
                surplus = min((load - mean) ** 2 - mean, 25.0 * (mean + rho * mean**2 + 1e-9))
                self.dispersion[0] *= s.dispersion_discount
                self.dispersion[0] += surplus / (mean**2 + 0.01 * self.mean**2 + 1e-9)
                self.dispersion[1] = s.dispersion_discount * self.dispersion[1] + 1.0
                rho = clip(self.dispersion[0] / self.dispersion[1], 0.0, 20.0)
            weight = 1.0 / (1.0 + mean * rho)
        self.shape, self.rate = g * self.shape + weight * load, g * self.rate + weight
        self.level = np.log(self.shape / self.rate + self.offset)

    def _learn_family(self, load, z):
        s = self.s
        foretold = math.log(self.rival + self.offset) if self.gaussian else self.rival
        for k, guess in enumerate((self.level[1], foretold)):
            self.errors[k] += (abs(z - guess) - self.errors[k]) / s.family_memory
        self.rival += (1.0 - s.level_discounts[1]) * ((load if self.gaussian else z) - self.rival)
        self.rest = max(self.rest - 1, 0)
        if self.errors[1] >= (1.0 - s.family_margin) * self.errors[0] or self.rest > 0:
            return
        means = np.maximum(np.exp(self.level) - self.offset, 0.0)
        if self.gaussian:
            self.rate = 1.0 / (1.0 - np.array(s.level_discounts))
            self.shape = self.rate * means
        self.rival = self.level[1] if self.gaussian else means[1]
        self.gaussian, self.errors, self.rest = not self.gaussian, self.errors[::-1], int(s.family_rest)

    def _learn_bound(self, load):
        self.fractions = self.fractions or load != math.floor(load)
        if load > self.bound or self.bound_seen == 0:
            self.bound, self.bound_seen = load, 1
        elif load == self.bound:
            self.bound_seen += 1

    def _alarm(self, surprise):
        a, size = self.alarm, abs(surprise)
        a.scale = size if self.seen == 1 else a.scale
        a.scale += (min(size, 5.0 * a.scale + 0.001) - a.scale) / min(self.seen, 500)
        if a.rest > 0:
            a.rest -= 1
            return
        u = clip(surprise / (1.25 * a.scale + 0.01), -self.s.alarm_clip, self.s.alarm_clip)
        a.up, a.down = max(0.0, a.up + u - self.s.alarm_drift), max(0.0, a.down - u - self.s.alarm_drift)
        if max(a.up, a.down) >= self.s.alarm_threshold:
            a.up, a.down, a.rest = 0.0, 0.0, 30
            self.rise_at = self.clock if surprise > 0.0 else None

    def _learn_slots(self, z, slots):
        self.surplus = z - self._profile(slots)[0]
        for season, slot in zip(self.seasons, slots, strict=True):
            if (usual := season.expected(slot)) is not None:
                season.quick += (1.0 - self.s.deviation_discounts[0]) * (z - usual - season.quick)
                season.slow += (1.0 - self.s.deviation_discounts[1]) * (z - usual - season.slow)
            season.count[slot] = min(season.count[slot] + 1, MOST_COUNTED)
            season.load.learn(slot, z, gain(season.count[slot], season.share))
