"""Which peaks to leave unserved when the future is known and some time short is allowed.

The layers of pods above the floor form a tree: a node is one stretch of time in which at least so many pods are
needed, its children the higher stretches within it. Leaving a node unserved saves its pods and those of all that stands
on it, for its whole stretch and the start-up before it, and costs the time within the stretch.
"""

import numpy as np
from numpy.typing import NDArray

from bayescast.kernels.jit import entry

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NONE = -1


@entry
def grow(
    need: Integers,
    closed: Integers,
    weights: Floats,
    floor: int,
    lead: int,
    stack: Integers,
    levels: Integers,
    begins: Integers,
    ends: Integers,
    parents: Integers,
    bases: Integers,
    savings: Floats,
    times: Floats,
    order: Integers,
) -> int:
    """Write the tree of `closed` and return its number of nodes; `order` lists them, children before parents.

    need: (n,) pods needed; closed: the same with gaps that no pod can be let go in filled up; weights: what a step
    short costs of the budget. Per node: level, stretch [begin, end), parent, the level below it (base), own saving in
    pod-steps, own time. All arrays have n places.
    """
    nodes, finished, depth = 0, 0, 0
    steps = len(need)
    for step in range(steps + 1):
        level = closed[step] if step < steps else floor
        begin = step
        while depth > 0 and levels[stack[depth - 1]] > level:
            node = stack[depth - 1]
            depth -= 1
            base = max(level, levels[stack[depth - 1]] if depth > 0 else floor)
            begin = begins[node]
            ends[node], bases[node] = step, base
            savings[node] = (levels[node] - base) * (step - max(0, begin - lead))
            parents[node] = stack[depth - 1] if depth > 0 and levels[stack[depth - 1]] == base else NONE
            order[finished] = node
            finished += 1
            if base == level and base > floor and (depth == 0 or levels[stack[depth - 1]] < level):
                levels[nodes], begins[nodes], times[nodes] = level, begin, 0.0
                parents[node] = nodes
                stack[depth] = nodes
                depth += 1
                nodes += 1
        if step < steps and level > floor:
            if depth == 0 or levels[stack[depth - 1]] < level:
                levels[nodes], begins[nodes], times[nodes] = level, begin, 0.0
                stack[depth] = nodes
                depth += 1
                nodes += 1
            if need[step] > floor:
                low, high = 0, depth - 1
                while low < high:  # the lowest open stretch that holds this step's need
                    middle = (low + high) // 2
                    if levels[stack[middle]] >= need[step]:
                        high = middle
                    else:
                        low = middle + 1
                times[stack[low]] += weights[step]
    return nodes


@entry
def prune(
    price: float,
    nodes: int,
    parents: Integers,
    savings: Floats,
    times: Floats,
    order: Integers,
    saved: Floats,
    short: Floats,
    best: Floats,
    dropped: NDArray[np.bool_],
) -> float:
    """Mark the nodes best left unserved at a price for time short, and return the time short that makes.

    saved, short: of a node with all that stands on it; best: the most that can be gained there. Scratch, (n,).
    """
    for node in range(nodes):
        saved[node], short[node], best[node] = savings[node], times[node], 0.0
    for place in range(nodes):
        node = order[place]
        gain = saved[node] - price * short[node]
        dropped[node] = gain > best[node]
        best[node] = max(best[node], gain)
        parent = parents[node]
        if parent != NONE:
            saved[parent] += saved[node]
            short[parent] += short[node]
            best[parent] += best[node]
    total = 0.0
    for place in range(nodes - 1, -1, -1):
        node = order[place]
        under = parents[node] != NONE and dropped[parents[node]]
        if dropped[node] and not under:
            total += short[node]
        dropped[node] = dropped[node] or under
    return total
