"""The rules of a decision in plain Python, slow and obvious: what the compiled ones are held to."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf, nan
from zoneinfo import ZoneInfo

from cronsim import CronSim

from bayescaler.policy import Health, Limiter, Mode, Observation, Outlook, Phase, Policy, Rung
from bayescaler.policy.objective import pods
from bayescaler.replay.behavior import History, begin, remember, scale_down_limit, scale_up_limit, stabilize
from bayescaler.replay.windows import since

from .reference_steering import Plain, cheapest


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
    last_move: int = 0
    told: tuple[float, float] | None = None
    surprised_at: float | None = None
    price: float | None = None
    steering: Plain | None = None


def decide(policy, observation, outlook, memory, *, now):
    """Return the steps as (limiter, pods before, pods after), and the memory after."""
    memory, need = ask(policy, observation, outlook, memory, now)
    memory = stand(policy.fallback, observation, need is not None, memory, now)
    current = observation.replicas
    if current == 0 and policy.min_replicas > 0:
        empty = replace(memory, history=History(), asked=None, decided_at=None)
        return [(Limiter.SCALED_TO_ZERO, 0, 0)], empty

    memory = settle(memory, policy, current, now)
    asked = need
    limiter, need = propose(policy, observation, need, memory)
    steps = [(limiter, current, pods(need))]
    seen = Seen(policy, observation, outlook, memory, limiter, now, asked)
    for rule in (
        safety_floor, surprise, trust, scale_in_window, reversal_gate, activation, scale_in_held, rollout, tolerance,
    ):  # fmt: skip
        need = apply(rule(seen, need), need, steps)
    wanted = pods(need)
    memory = replace(memory, history=remember(memory.history, policy.behavior, wanted, now))
    for bound in (stabilization, rate, schedules, bounds):
        wanted = apply(bound(policy, observation, memory, wanted, now), wanted, steps)
    final = pods(wanted)
    if final != current and not policy.paused and policy.mode is not Mode.OBSERVE and not observation.conflict:
        memory = replace(memory, asked=(now, current, final))
        if memory.steering is not None and observation.serving is None:
            memory.steering.note(final, now)
    return steps, replace(memory, decided_at=now)


@dataclass(frozen=True)
class Seen:
    """What the rules look at."""

    policy: Policy
    observation: Observation
    outlook: Outlook | None
    memory: Memory
    proposed: Limiter
    now: float
    asked: float | None

    @property
    def present(self):
        """Pods that the load asks for as it is now."""
        load = self.observation.load
        return 0.0 if load is None else load / self.policy.capacity


def ask(policy, observation, outlook, memory, now):
    """Learn from the new buckets; return the need of the forecast, None without one."""
    if policy.budget is not None:
        memory = replace(memory, steering=memory.steering or Plain(policy))
        if memory.decided_at is not None and now < memory.decided_at:
            memory.steering.start_anew()
        memory.steering.note_own(observation, now)
    if outlook is None:
        return replace(memory, told=memory.told and (memory.told[0], nan)), None
    at, load = observation.load_at, observation.load
    if at is not None:
        if memory.told is not None and memory.told[0] != at and load is not None and load > memory.told[1]:
            memory = replace(memory, surprised_at=now)
        memory = replace(memory, told=(at, float(outlook.lead.values[-1])))
    served = policy.capacity / (1.0 + policy.buffer)
    if policy.budget is not None:
        memory.steering.steer(observation, outlook, surprised=is_surprised(memory, now))
        memory = replace(memory, price=memory.steering.price)
        if memory.price is None:
            return memory, None
    elif policy.price is None:
        return replace(memory, price=None), float(outlook.lead.quantile(policy.quantile)) / served
    else:
        memory = replace(memory, price=policy.price)
    least = max(pods(float(outlook.lead.values[0]) / served), min(policy.min_replicas, 1))
    return memory, cheapest(outlook.lead, served, memory.price, least, 1e6)


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
        return replace(memory, history=begin(replicas, now), asked=None, surprised_at=None, last_move=0)
    if memory.asked is None:
        return memory
    at, before, after = memory.asked
    if replicas == after:
        history = record(memory.history, policy.behavior, after - before, at)
        move = (after > before) - (after < before)
        return replace(memory, history=history, asked=None, last_scale_at=at, last_move=move)
    return memory if replicas == before else replace(memory, asked=None, last_move=0)


def record(history, behavior, change, at):
    policies = behavior.scale_up.policies + behavior.scale_down.policies
    cutoff = at - max(policy.period_seconds for policy in policies)
    ups, downs = since(history.ups, cutoff), since(history.downs, cutoff)
    ups = (*ups, (at, change)) if change > 0 else ups
    downs = (*downs, (at, -change)) if change < 0 else downs
    return replace(history, ups=ups, downs=downs)


def propose(policy, observation, need, memory):
    live, fallback = observation.load is not None, policy.fallback
    if need is not None and (live or memory.rung is Rung.STORED):
        return Limiter.FORECAST, need
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


def safety_floor(seen, need):
    return (Limiter.SAFETY_FLOOR, seen.present) if seen.present > need else None


def surprise(seen, need):
    if seen.proposed is not Limiter.FORECAST or not is_surprised(seen.memory, seen.now):
        return None
    return (Limiter.SURPRISE, 1.1 * seen.present) if 1.1 * seen.present > need else None


def is_surprised(memory, now):
    return memory.surprised_at is not None and now - memory.surprised_at < 300.0


def trust(seen, need):
    observation = seen.observation
    if observation.phase is Phase.TRUSTED or observation.load is None or seen.proposed is not Limiter.FORECAST:
        return None
    least = reactive(seen.policy, observation)
    return (Limiter.TRUST, least) if least > need else None


def scale_in_window(seen, need):
    policy, current = seen.policy, seen.observation.replicas
    if seen.proposed is not Limiter.FORECAST or pods(need) >= current:
        return None
    lead, window, served = seen.outlook.lead, seen.outlook.window, policy.capacity / (1.0 + policy.buffer)
    if seen.memory.price is None:
        bet = pods(float(window.quantile(policy.quantile)) / served)
    else:
        bet = cheapest(window, served, seen.memory.price, pods(need), max(policy.max_replicas, pods(need)))
    if lead.values[0] > 0.0:
        bet = min(bet, pods(max(pods(need) * window.values[0] / lead.values[0] - 0.5, 0.0)))
    stay = min(bet, current)
    return (Limiter.SCALE_IN_WINDOW, stay) if stay > pods(need) else None


def reversal_gate(seen, need):
    policy, observation, current = seen.policy, seen.observation, seen.observation.replicas
    if seen.proposed is not Limiter.FORECAST or pods(need) <= current or seen.memory.last_move >= 0:
        return None
    if observation.load is None:
        return None
    floor = seen.present * (1.1 if is_surprised(seen.memory, seen.now) else 1.0)
    if observation.phase is not Phase.TRUSTED:
        floor = max(floor, reactive(policy, observation))
    if pods(floor) > current:
        return None
    if pods(float(seen.outlook.lead.values[0]) / (policy.capacity / (1.0 + policy.buffer))) > current:
        return None
    lead, served = seen.outlook.lead, policy.capacity / (1.0 + policy.buffer)
    short, promised = float(lead.exceedance(current * served)), 1.0 - policy.quantile
    if seen.memory.price is None:
        pays = short > min(5.0 * promised, 0.5)
    else:
        spared = short - float(lead.exceedance(pods(need) * served))
        pays = seen.memory.price * spared - (pods(need) - current) > 0.6 * current
    return None if pays else (Limiter.REVERSAL_GATE, current)


def activation(seen, need):
    policy, observation = seen.policy, seen.observation
    load, threshold = observation.load, policy.activation_threshold
    if policy.min_replicas > 0 or pods(need) == 0 or seen.proposed not in (Limiter.FORECAST, Limiter.REACTIVE):
        return None
    if load is None and seen.proposed is Limiter.REACTIVE:
        return None  # the pods themselves are busy
    wakes = observation.phase is Phase.TRUSTED or observation.replicas > 0
    least, expected = max(threshold, policy.capacity / 1000), False
    if seen.asked is not None:
        prepared = seen.asked * policy.capacity if seen.memory.price is None else float(seen.outlook.lead.values[4])
        expected = prepared > least or float(seen.outlook.window.values[0]) > least
    return None if (load is not None and load > threshold) or (expected and wakes) else (Limiter.ACTIVATION, 0.0)


def rollout(seen, need):
    lowers = pods(need) < seen.observation.replicas
    return (Limiter.ROLLOUT_IN_PROGRESS, seen.observation.replicas) if lowers and seen.observation.rolling_out else None


def scale_in_held(seen, need):
    observation = seen.observation
    steady = observation.load is not None and seen.memory.missing_since is None and observation.scale_in_allowed
    return None if steady or pods(need) >= observation.replicas else (Limiter.SCALE_IN_HELD, observation.replicas)


def tolerance(seen, need):
    current, load = seen.observation.replicas, seen.observation.load
    if current == 0 or pods(need) == current or seen.proposed not in (Limiter.FORECAST, Limiter.REACTIVE):
        return None
    short = load is not None and pods(seen.present) > current
    up, down = seen.policy.behavior.scale_up.tolerance, seen.policy.behavior.scale_down.tolerance
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
