"""What one decision reads, remembers and says, as float64 arrays; NaN where there is nothing.

rules: what a policy fixes. seen: what was observed by now. outlook: the forecasts. memory: what one decision hands to
the next. windows: what `behavior` looks back on. trail: what each rule made of the number. Times are epoch seconds,
loads in the unit of the capacity, needs in pods before rounding up.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# what a need becomes whole by
ROUNDING = 1e-9  # of a need: a billionth of a pod is float noise (500 * 1.1 / 50 is above 11), not load
MOST = 2.0**31 - 1.0  # replicas are int32 in Kubernetes

# rules
MIN_REPLICAS, MAX_REPLICAS, CAPACITY, TARGET_UTILIZATION, FALLBACK_REPLICAS, AFTER, HOLD_FOR, RECOVER = range(8)
UP_TOLERANCE, DOWN_TOLERANCE, UP_SELECT, DOWN_SELECT, UP_WINDOW, DOWN_WINDOW, APPLIES = range(8, 15)
# the aim: one of QUANTILE, PRICE (pods, of certainly running short) and BUDGET (share of time) is a number
BUFFER, QUANTILE, PRICE, BUDGET = range(15, 19)
STEP_SECONDS, STARTUP_SECONDS, LAG_SECONDS = range(19, 22)  # what steering has to know of time, else NaN
ACTIVATION = 22  # load that wakes a workload from 0 replicas
GATE, BROKEN, SURPRISE_FLOOR = range(23, 26)  # see types.Calm
N_RULES = 26
SELECT_MAX, SELECT_MIN, SELECT_DISABLED = range(3)
# columns of policies, (k, 4): 1 for scale-up or -1, whether the value is a percentage, value, period in seconds
DIRECTION, IS_PERCENT, VALUE, PERIOD = range(4)

# seen; LOAD, of the bucket that ended at LOAD_AT, is NaN unless it is live; DEMAND is written by the decision
NOW, REPLICAS, READY, LOAD, DEMAND, UTILIZATION, TRUSTED, SCALE_IN_ALLOWED, LOAD_AT = range(9)
SCHEDULE_FLOOR, SCHEDULE_CEILING, ROLLING_OUT = range(9, 12)  # of the schedules NaN where none is in force
SERVING = 12  # pods that serve, NaN where only those asked for are known
N_SEEN = 13
# buckets, (k, 2) of (end, load), oldest first: those that came since the last decision, beside the one in `seen`

# forecasts of a history, (m, 2, 9)
LEAD, WINDOW = range(2)
MEDIAN, HIGH, LARGEST = 0, 4, -1  # places among the issued quantiles: .5, .95, .999

# memory; ASKED_*: a change asked for and not seen yet. COUNT + w: entries in window w
RUNG, RUNG_SINCE, USABLE_AT, USABLE_SINCE, MISSING_SINCE = range(5)
DECIDED_AT, LAST_SCALE_AT, ASKED_AT, ASKED_FROM, ASKED_TO = range(5, 10)
# LAST_MOVE: 1 up, -1 down, 0 unknown. SURPRISING: the load above which the bucket after TOLD_AT is a surprise
LAST_MOVE, SURPRISING, TOLD_AT, SURPRISED_AT, PRICE_IN_FORCE = range(10, 15)
COUNT = 15
N_WINDOWS = 4
N_MEMORY = COUNT + N_WINDOWS
# windows, (N_WINDOWS, places, 2) of (at, value), oldest first: recommendations within the scale-down window, falling;
# within the scale-up window, rising; replicas added and removed, by the time they were asked for
HIGHEST, LOWEST, UPS, DOWNS = range(N_WINDOWS)

# trail, (N_TRAIL, 4): one row a rule, in order; LIMITER is NaN where it said nothing
PROPOSAL, SAFETY_FLOOR, SURPRISE, TRUST, SCALE_IN_WINDOW, REVERSAL_GATE, IDLE, SCALE_IN_HELD, ROLLOUT = range(9)
TOLERANCE, STABILIZATION, RATE, SCHEDULES, BOUNDS = range(9, 14)
N_TRAIL = 14
LIMITER, MADE, EARLIER_AT, EARLIER = range(4)  # EARLIER: the recommendation that stabilization holds on to
N_SAID = 4


class Expected(NamedTuple):
    """Quantiles of the largest load within the lead time, and within the longer window that a scale-in has to be right
    for, (9,) each; NaN where there is no forecast.
    """

    lead: Floats
    window: Floats
