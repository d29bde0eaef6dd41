"""What one decision reads, remembers and says, as float64 arrays; NaN where there is nothing.

rules: what a policy fixes. seen: what was observed by now. memory: what one decision hands to the next. windows: what
`behavior` looks back on. trail: what each rule made of the number. Times are epoch seconds, loads in the unit of the
capacity, needs in pods before rounding up.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# rules
MIN_REPLICAS, MAX_REPLICAS, CAPACITY, TARGET_UTILIZATION, FALLBACK_REPLICAS, AFTER, HOLD_FOR, RECOVER = range(8)
UP_TOLERANCE, DOWN_TOLERANCE, UP_SELECT, DOWN_SELECT, UP_WINDOW, DOWN_WINDOW, APPLIES = range(8, 15)
ACTIVATION = 15  # load that wakes a workload from 0 replicas
N_RULES = 16
SELECT_MAX, SELECT_MIN, SELECT_DISABLED = range(3)
# columns of policies, (k, 4): 1 for scale-up or -1, whether the value is a percentage, value, period in seconds
DIRECTION, IS_PERCENT, VALUE, PERIOD = range(4)

# seen; LOAD is NaN unless it is live
NOW, REPLICAS, READY, LOAD, DEMAND, UTILIZATION, TRUSTED, SCALE_IN_ALLOWED = range(8)
SCHEDULE_FLOOR, SCHEDULE_CEILING, ROLLING_OUT = range(8, 11)  # of the schedules NaN where none is in force
N_SEEN = 11

# memory; ASKED_*: a change asked for and not seen yet. COUNT + w: entries in window w
RUNG, RUNG_SINCE, USABLE_AT, USABLE_SINCE, MISSING_SINCE = range(5)
DECIDED_AT, LAST_SCALE_AT, ASKED_AT, ASKED_FROM, ASKED_TO = range(5, 10)
COUNT = 10
N_WINDOWS = 4
N_MEMORY = COUNT + N_WINDOWS
# windows, (N_WINDOWS, places, 2) of (at, value), oldest first: recommendations within the scale-down window, falling;
# within the scale-up window, rising; replicas added and removed, by the time they were asked for
HIGHEST, LOWEST, UPS, DOWNS = range(N_WINDOWS)

# trail, (N_TRAIL, 4): one row a rule, in order; LIMITER is NaN where it said nothing
PROPOSAL, TRUST, SAFETY_FLOOR, IDLE, SCALE_IN_HELD, ROLLOUT, TOLERANCE, STABILIZATION, RATE, SCHEDULES, BOUNDS = range(
    11
)
N_TRAIL = 11
LIMITER, MADE, EARLIER_AT, EARLIER = range(4)  # EARLIER: the recommendation that stabilization holds on to
N_SAID = 4
