"""The rules of a decision in plain Python, slow and obvious: what the compiled ones are held to."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from zoneinfo import ZoneInfo

from cronsim import CronSim

from bayescaler.policy import Health, Limiter, Mode, Phase, Rung
from bayescaler.policy.objective import demand_of, pods
from bayescaler.replay.behavior import History, begin, remember, scale_down_limit, scale_up_limit, stabilize
from bayescaler.replay.windows import since


@dataclass(frozen=True)
class Memory:
    rung: Rung = Rung.PREDICTIVE
    usable_at: float | None = None
    usable_since: float | None = None
    missing_since: float | None = None
    history: History = field(default_factory=History)
    asked: tuple[float, int, int] | None = None
    decided_at: float | None = None
    last_scale_at: float | None = None
    demand: float | None = None  # of this decision only


def decide(policy, observation, predictive, memory, *, now):
    """Return the steps as (limiter, pods before, pods after), and the memory after."""
    demand = demand_of(policy, predictive)
    memory = stand(policy.fallback, observation, demand is not None, replace(memory, demand=demand), now)
    current = observation.replicas
    if current == 0 and policy.min_replicas > 0:
        empty = replace(memory, history=History(), asked=None, decided_at=None)
        return [(Limiter.SCALED_TO_ZERO, 0, 0)], empty

    memory = settle(memory, policy, current, now)
    limiter, need = propose(policy, observation, demand, memory)
    steps = [(limiter, current, pods(need))]
    for rule in (trust, safety_floor, activation, scale_in_held, rollout, tolerance):
        need = apply(rule(policy, observation, memory, steps[0][0], need), need, steps)
    wanted = pods(need)
    memory = replace(memory, history=remember(memory.history, policy.behavior, wanted, now))
    for bound in (stabilization, rate, schedules, bounds):
        wanted = apply(bound(policy, observation, memory, wanted, now), wanted, steps)
    final = pods(wanted)
    if final != current and not policy.paused and policy.mode is not Mode.OBSERVE:
        memory = replace(memory, asked=(now, current, final))
    return steps, replace(memory, decided_at=now)


def apply(ruling, value, steps):
    if ruling is None:
        return value
    limiter, after = ruling
    if pods(after) != pods(value):
        steps.append((limiter, pods(value), pods(after)))
    return after


def stand(fallback, observation, forecast, memory, now):
    live = observation.health is Health.LIVE
    missing = None if memory.missing_since is None else min(memory.missing_since, now)
    if live:
        usable = now if memory.usable_since is None else min(memory.usable_since, now)
        if missing is not None and now - usable < fallback.recover_seconds:
            return replace(memory, usable_at=now, usable_since=usable, missing_since=missing)
        rung = Rung.PREDICTIVE if forecast else Rung.REACTIVE
        return replace(memory, rung=rung, usable_at=now, usable_since=usable, missing_since=None)
    if missing is None:
        missing = now if memory.usable_at is None else min(memory.usable_at, now)
    outage = now - missing
    if forecast and outage < fallback.after_seconds:
        rung = Rung.STORED
    elif observation.utilization is not None:
        rung = Rung.REACTIVE
    else:
        rung = Rung.HOLD if outage < fallback.after_seconds + fallback.hold_seconds else Rung.FLOOR
    return replace(memory, rung=rung, usable_since=None, missing_since=missing)


def settle(memory, policy, replicas, now):
    if memory.decided_at is None or now < memory.decided_at:
        return replace(memory, history=begin(replicas, now), asked=None)
    if memory.asked is None:
        return memory
    at, before, after = memory.asked
    if replicas == after:
        history = record(memory.history, policy.behavior, after - before, at)
        return replace(memory, history=history, asked=None, last_scale_at=at)
    return memory if replicas == before else replace(memory, asked=None)


def record(history, behavior, change, at):
    policies = behavior.scale_up.policies + behavior.scale_down.policies
    cutoff = at - max(policy.period_seconds for policy in policies)
    ups, downs = since(history.ups, cutoff), since(history.downs, cutoff)
    ups = (*ups, (at, change)) if change > 0 else ups
    downs = (*downs, (at, -change)) if change < 0 else downs
    return replace(history, ups=ups, downs=downs)


def propose(policy, observation, demand, memory):
    live, fallback = observation.load is not None, policy.fallback
    if demand is not None and (live or memory.rung is Rung.STORED):
        return Limiter.FORECAST, demand / policy.capacity
    if live:
        return Limiter.REACTIVE, reactive(policy, observation)
    if memory.rung is Rung.REACTIVE and observation.utilization is not None:
        ready = observation.replicas if observation.ready_replicas is None else observation.ready_replicas
        return Limiter.REACTIVE, ready * observation.utilization / fallback.target_utilization
    if memory.rung is Rung.FLOOR:
        return Limiter.FALLBACK_FLOOR, max(observation.replicas, fallback.replicas or 0)
    return Limiter.HOLD, observation.replicas


def reactive(policy, observation):
    return observation.load / (policy.capacity * policy.fallback.target_utilization)


def trust(policy, observation, _memory, proposed, need):
    if observation.phase is Phase.TRUSTED or observation.load is None or proposed is not Limiter.FORECAST:
        return None
    return (Limiter.TRUST, reactive(policy, observation)) if reactive(policy, observation) > need else None


def safety_floor(policy, observation, _memory, _proposed, need):
    if observation.load is None or observation.load / policy.capacity <= need:
        return None
    return Limiter.SAFETY_FLOOR, observation.load / policy.capacity


def activation(policy, observation, memory, proposed, need):
    load, demand, threshold = observation.load, memory.demand, policy.activation_threshold
    if policy.min_replicas > 0 or pods(need) == 0 or proposed not in (Limiter.FORECAST, Limiter.REACTIVE):
        return None
    if load is None and proposed is Limiter.REACTIVE:
        return None  # the pods themselves are busy
    wakes = observation.phase is Phase.TRUSTED or observation.replicas > 0
    expected = demand is not None and demand > max(threshold, policy.capacity / 1000) and wakes
    return None if (load is not None and load > threshold) or expected else (Limiter.ACTIVATION, 0.0)


def scale_in_held(_policy, observation, memory, _proposed, need):
    steady = observation.load is not None and memory.missing_since is None and observation.scale_in_allowed
    return None if steady or pods(need) >= observation.replicas else (Limiter.SCALE_IN_HELD, observation.replicas)


def rollout(_policy, observation, _memory, _proposed, need):
    lowers = pods(need) < observation.replicas
    return (Limiter.ROLLOUT_IN_PROGRESS, observation.replicas) if lowers and observation.rolling_out else None


def tolerance(policy, observation, _memory, proposed, need):
    current, load = observation.replicas, observation.load
    if current == 0 or pods(need) == current or proposed not in (Limiter.FORECAST, Limiter.REACTIVE):
        return None
    short = load is not None and pods(load / policy.capacity) > current
    up, down = policy.behavior.scale_up.tolerance, policy.behavior.scale_down.tolerance
    tolerated = 1.0 - down <= need / current <= 1.0 + up
    return (Limiter.TOLERANCE, current) if tolerated and not short else None


def stabilization(_policy, observation, memory, desired, _now):
    held = stabilize(memory.history, observation.replicas, desired)
    up = desired > observation.replicas
    limiter = Limiter.SCALE_UP_STABILIZATION if up else Limiter.SCALE_DOWN_STABILIZATION
    return None if held == desired else (limiter, held)


def rate(policy, observation, memory, desired, now):
    current, behavior = observation.replicas, policy.behavior
    if desired > current:
        most = scale_up_limit(behavior.scale_up, memory.history, current, now)
        return (Limiter.SCALE_UP_POLICY, most) if desired > most else None
    if desired < current:
        fewest = scale_down_limit(behavior.scale_down, memory.history, current, now)
        return (Limiter.SCALE_DOWN_POLICY, fewest) if desired < fewest else None
    return None


def schedules(policy, observation, memory, wanted, now):
    floor, ceiling = floor_and_ceiling(policy, now)
    if wanted < floor:
        return Limiter.SCHEDULE, floor
    most = max(floor, ceiling)
    steady = observation.load is not None and memory.missing_since is None and observation.scale_in_allowed
    if not steady:
        most = max(most, min(wanted, observation.replicas))
    return (Limiter.SCHEDULE, most) if wanted > most else None


def floor_and_ceiling(policy, now):
    floors, ceilings = [0], [inf]
    for schedule in policy.schedules:
        if schedule.min_replicas is not None and is_open(schedule, now, policy.lead_seconds):
            floors.append(schedule.min_replicas)
        if schedule.max_replicas is not None and is_open(schedule, now, 0.0):
            ceilings.append(schedule.max_replicas)
    return max(floors), min(ceilings)


def is_open(schedule, now, early):
    begin = datetime.fromtimestamp(now - schedule.duration_seconds - 7200.0, ZoneInfo(schedule.time_zone))
    for start in CronSim(schedule.start, begin):
        if start.timestamp() > now + early:
            return False
        if start.timestamp() + schedule.duration_seconds > now:
            return True
    return False


def bounds(policy, observation, _memory, wanted, _now):
    if wanted < policy.min_replicas:
        return Limiter.MIN_REPLICAS, policy.min_replicas
    if wanted <= policy.max_replicas:
        return None
    if observation.replicas > policy.max_replicas and not observation.scale_in_allowed:
        return Limiter.SCALE_IN_HELD, observation.replicas
    return Limiter.MAX_REPLICAS, policy.max_replicas
