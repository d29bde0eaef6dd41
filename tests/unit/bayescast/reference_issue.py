"""The slow reference's half that forecasts the next window: where experts stand, how wide, and what is issued."""

import math
from types import SimpleNamespace

import numpy as np

from .reference_parts import STRATA, TAU, clip

LOGIT = np.log(TAU / (1.0 - TAU))
TEMPLATE, SLOW, SCALED, LAST, FAST, LONG, ADD_SLOW, ADD_LAST = range(8)
LOG = range(6)  # experts on the log scale
LEARNED = (SCALED, LAST, FAST, LONG)  # with a learned scale


class Issuing:
    """What is issued after a bucket from what was learned until then."""

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
        return self.atoms.said(issue.issued, s.atom_hair)

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
