"""The forecaster once more, slow and dense: what docs/forecaster.md says, bucket by bucket, of one workload.

All that was issued is kept, and windows are looked up in the whole past.
"""

import math
from types import SimpleNamespace

import numpy as np

from bayescast import Family, Kind

from .reference_parts import MOST_COUNTED, STRATA, TAU, Lead, Season, clip, gain, single

LOGIT = np.log(TAU / (1.0 - TAU))
TEMPLATE, SLOW, SCALED, LAST, FAST, LONG, ADD_SLOW, ADD_LAST = range(8)
LOG = range(6)  # experts on the log scale
LEARNED = (SCALED, LAST, FAST, LONG)  # with a learned scale
MISSING, SEEN, SATURATED = range(3)


def pinball(outcome, quantile):
    return np.maximum(TAU * (outcome - quantile), (TAU - 1.0) * (outcome - quantile))


class Reference:
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
        self.loads, self.statuses = [], []

    def replay(self, times, values, saturated):
        """Return by lead the (n, levels) quantiles issued after each bucket."""
        issued = [[self._bucket(*given)] for given in zip(times, values, saturated, strict=True)]
        return {lead: np.array([row[0][i] for row in issued]) for i, lead in enumerate(self.spec.leads)}

    def _bucket(self, time, value, saturated):
        if self.seen == 0 and math.isnan(value):
            return [np.full(len(TAU), np.nan)] * len(self.leads)
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

    # The next window is forecast.

    def _issue(self, lead, slots, hour):
        s, window = self.s, lead.window
        recent = [load for load in self.loads[-window:] if not math.isnan(load)]
        peak = math.log(max([self.value, *recent]) + self.offset)
        issue = SimpleNamespace(
            offset=self.offset, value=self.value, z=self.z, base=self.level[0], slots=slots, hour=hour
        )
        self._describe(lead, issue, peak)
        lowest, highest = self.low - 1.0, max(self.top, issue.base)
        slow, fast = (fit.weights @ issue.x if s.with_regressions else 0.0 for fit in (lead.slow, lead.fast))
        issue.location[[SLOW, SCALED]] = clip(issue.base + slow, lowest, highest)
        issue.location[FAST] = clip(issue.base + fast, lowest, highest)
        if self.rise_at is not None and self.clock - self.rise_at <= window + s.rise_hold:
            least = np.full(6, issue.base + max(lead.slow.weights[0], 0.0))
            least[LAST] = issue.base
            issue.location = np.maximum(issue.location, least)
        self._measure(lead, issue)
        top = snap = 600.0
        if s.with_cap:
            top = min(top, self.top + s.cap)
            if self.fractions and self.bound_seen >= s.bound_repeats:
                top = min(top, math.log(self.bound + self.offset) + 1e-12)
                snap = top - s.bound_snap
        self._experts(lead, issue, top)
        rates = s.hedge_rate * np.minimum(1.0, np.sqrt((1.0 - TAU) / 0.05)) * s.with_hedge
        weights = (1.0 + rates / 32.0 * (lead.losses - lead.losses.min(axis=0))) ** -32.0 + s.hedge_share / 8
        combined = np.maximum.accumulate((weights * issue.values).sum(axis=0) / weights.sum(axis=0))
        location = issue.location[SLOW]
        middle = location if lead.middle is None else lead.middle
        lead.middle, issue.high = middle + 0.002 * (location - middle), location > middle
        issue.issued = self._track(lead, issue, combined, top, snap) if s.with_tracker else combined
        lead.issues.append(issue)
        return issue.issued

    def _describe(self, lead, issue, peak):
        base = template = full = half = issue.base
        x = [1.0, self.z - base, self.level[2] - base, self.level[1] - base, peak - base, 0.0, 0.0]
        if self.s.with_rises:
            x[5] = lead.hour_rises[issue.hour] if self.hour > lead.window else 0.0
            x[6] = lead.rises[issue.slots[0]] if self.seasons else 0.0
        for p, (season, slot) in enumerate(zip(self.seasons, issue.slots, strict=True)):
            count, raw = season.count[slot] - self.tallied, base
            alone, around = (lead.peaks[p].read(slot, season.size, reach) for reach in (0, season.reach))
            if count >= season.visit and around is not None:
                apart = alone is not None and abs(alone - around) > lead.mean_residual
                usual = alone if apart and count >= 3 * season.visit else around
                full, half = usual + season.quick, usual + 0.5 * (season.slow if p else season.quick)
                if p == 0:
                    template, raw = usual + season.slow, usual if alone is None else alone
            x += [full - base, half - base] if p else [raw - base, full - base]
        issue.x, issue.location = np.array(x), np.array([template, 0.0, 0.0, self.z, 0.0, full])

    def _measure(self, lead, issue):
        location, mean = issue.location[SLOW], lead.mean_residual
        by_slot = mean
        if self.seasons:
            size = self.seasons[0].size
            reach = min(self.seasons[0].spread_reach, size // 2)
            near = [lead.slot_spread[(issue.slots[0] + k) % size] for k in range(-reach, reach + 1)]
            total = 5.0 * mean + sum(min(n, 3) * size for size, n in near)
            by_slot = total / (5.0 + sum(min(n, 3) for _, n in near))
        issue.place = clip((location - self.low) / (self.high - self.low + 1e-9) * 10.0, 0.0, 14.99)
        means, weights = lead.level_spread.T
        by_level = np.interp(issue.place, range(16), (means * weights + 10.0 * mean) / (weights + 10.0))
        floor = 0.05 * mean + 1e-9
        ratios = (np.array([by_slot, by_level, lead.recent_residual]) + floor) / (mean + floor)
        issue.u = np.array([1.0, *np.log(np.clip(ratios, 0.1, 8.0)), self.z - location])
        predicted = lead.spread.weights @ issue.u
        lead.usual_spread += 0.005 * (predicted - lead.usual_spread)
        factor = math.exp(clip(predicted - lead.usual_spread, -2.5, 2.5))
        issue.spread = factor if self.s.with_learned_scale else 1.0

    def _experts(self, lead, issue, top):
        s, location = self.s, issue.location
        widening = min(math.sqrt(1.0 + self.gap / lead.window), s.gap_widening_limit)
        ceiling = max(math.exp(top) - issue.offset, 0.0)
        issue.stratum, issue.scale, values = {}, lead.scales.copy(), []
        for e in range(8):
            if s.with_strata and STRATA[e] > 1:
                u = (self.z - location[SLOW]) / (lead.scales[e] + 1e-9)
                issue.stratum[e] = int(np.digitize(u, [-1.5, 0.0, 1.5]))
            if e in LEARNED:
                issue.scale[e] *= issue.spread
            shape = lead.histograms[e][issue.stratum.get(e, 0)].quantiles()
            around = issue.scale[e] * (shape[0] + widening * (shape - shape[0]))
            if e in LOG:
                value = np.exp(np.minimum(location[e] + around, top)) - issue.offset
            else:
                value = around + (math.exp(location[SLOW]) - issue.offset if e == ADD_SLOW else issue.value)
            values.append(np.clip(value, 0.0, ceiling))
        issue.values = np.array(values)
        issue.quantiles = issue.values.astype(np.float32).astype(np.float64)

    def _track(self, lead, issue, combined, top, snap):
        s, window = self.s, lead.window
        due, apart = s.tracker_memory * (1.0 - TAU), lead.apart
        speed = s.tracker_gain * np.where(apart, 2.0, 1.0)
        speed /= 1.0 + window / s.tracker_lead * np.maximum(1.0, 0.05 / (1.0 - TAU))
        limit = s.tracker_debt * np.sqrt(1.0 - TAU) * (1.0 + window / s.tracker_debt_lead)
        noise = s.tracker_noise * np.sqrt(np.where(apart, 0.5, 1.0) * due * (window - 1))
        noise *= math.sqrt(min(lead.windows / s.tracker_memory, 1.0))
        debt = np.where(issue.high & apart, lead.debts[1], lead.debts[0])
        debt = np.sign(debt) * np.maximum(np.abs(debt) - noise, 0.0)
        moved = LOGIT + np.minimum(speed * debt / (TAU * (1.0 - TAU)) * (1.0 + (debt / limit) ** 2), s.tracker_reach)
        z = np.log(combined + issue.offset)
        below = np.maximum((moved - LOGIT[0]) / (LOGIT[1] - LOGIT[0]), -2.0)
        beyond = (moved - LOGIT[-1]) / (LOGIT[-1] - LOGIT[-2])
        read = np.interp(moved, LOGIT, z)
        read = np.where(moved < LOGIT[0], z[0] + (z[1] - z[0]) * below, read)
        read = np.where(moved > LOGIT[-1], z[-1] + (z[-1] - z[-2] + 0.02 * lead.scales[TEMPLATE]) * beyond, read)
        read = np.where(read > snap, top, np.minimum(read, top))
        return np.maximum.accumulate(np.maximum(np.exp(read) - issue.offset, 0.0))
