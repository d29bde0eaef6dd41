"""The pods of one service, step by step: asked for, ready after their start-up, removed."""

import numpy as np
from numpy.typing import NDArray

from bayescast.kernels.jit import entry, kernel

Integers = NDArray[np.int64]

READY, STARTING, BORN, NEXT_DUE = range(4)  # places in `counts`
NEVER = np.iinfo(np.int64).max


@kernel
def bring_to(counts: Integers, due: Integers, startups: Integers, now: int, wanted: int) -> None:
    """Let pods become ready at step `now`, then add or remove pods until there are `wanted`.

    counts: (4,) READY, STARTING, BORN so far, NEXT_DUE at or before the next pod is ready. due: the steps at which
    starting pods are ready, the first asked for first. startups: steps that the k-th pod takes, used over and over.
    Pods not ready are removed first, the newest first; ready ones at once.
    """
    ready, starting, born = counts[READY], counts[STARTING], counts[BORN]
    if starting > 0 and counts[NEXT_DUE] <= now:
        still, soonest = 0, NEVER
        for place in range(starting):
            if due[place] <= now:
                ready += 1
            else:
                due[still] = due[place]
                soonest = min(soonest, due[place])
                still += 1
        starting = still
        counts[NEXT_DUE] = soonest
    missing = wanted - ready - starting
    if missing > 0:
        if starting == 0:
            counts[NEXT_DUE] = NEVER
        for _ in range(missing):
            at = now + startups[born % len(startups)]
            born += 1
            if at <= now:
                ready += 1
            else:
                due[starting] = at
                starting += 1
                counts[NEXT_DUE] = min(counts[NEXT_DUE], at)
    else:
        unready = min(starting, -missing)
        starting -= unready
        ready += missing + unready
    counts[READY], counts[STARTING], counts[BORN] = ready, starting, born


@entry
def ready_pods(desired: Integers, startups: Integers, counts: Integers, due: Integers, out: Integers) -> None:
    """Write the ready pods after each step into `out`; those of the first step are ready from the start.

    desired, out: (n,). due: at least max(desired) places. counts: (4,), as it comes.
    """
    counts[READY], counts[STARTING], counts[BORN], counts[NEXT_DUE] = desired[0], 0, 0, NEVER
    for step in range(len(desired)):
        bring_to(counts, due, startups, step, desired[step])
        out[step] = counts[READY]
