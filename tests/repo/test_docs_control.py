"""The numbers that docs/state.md, floor.md, conflicts.md, learning.md and others give are those of the code."""

from pathlib import Path

import pytest
import yaml

from bayescaler.cluster.saved_states import SHARDS
from bayescaler.cluster.scaler_store import LOOK_FOR_KEDA_SECONDS
from bayescaler.cluster.scalers import ORIGINAL, OWNER, UNSET, WRITTEN
from bayescaler.control.floors import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS
from bayescaler.control.keeper import MOST_OBJECTS, PAUSE_INTERVALS, SHORTEST_PAUSE_SECONDS
from bayescaler.control.learned import FEW
from bayescaler.control.settings import Settings
from bayescaler.control.translate import MOST_BLUR_SECONDS, lead_buckets
from bayescaler.policy import Behavior, Fallback
from bayescaler.policy import conflicts as told_apart
from bayescaler.policy.capacity import LEARNED_BUCKETS, MEMORY_SECONDS, SATURATED
from bayescaler.policy.lead_time import (
    BETWEEN_RAISES_SECONDS,
    PODS_AFTER_ROLLOUT,
    PRIOR_PODS,
    SHORTER_AFTER_SECONDS,
    STUCK_SECONDS,
)
from bayescaler.policy.record import VERSION
from bayescaler.policy.saved import MOST_BYTES, PARTS
from bayescaler.policy.trust import FEWEST_WINDOWS
from bayescaler.replay.baselines import BASELINES

DOCS = Path(__file__).resolve().parents[2] / "docs"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
AS_SET = Settings()
LEAD_SECONDS = MINUTE * lead_buckets(
    MINUTE,
    startup_seconds=AS_SET.startup_seconds,
    interval_seconds=AS_SET.interval_seconds,
    lag_seconds=AS_SET.metric_lag_seconds,
)
CHART = DOCS.parent / "charts" / "bayescaler"
IMAGE = (
    yaml.safe_load((CHART / "values.yaml").read_text())["image"]["repository"]
    + ":"
    + yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
)


@pytest.mark.parametrize(
    ("file", "said", "holds"),
    [
        ("state", f"{MOST_OBJECTS} objects in each", True),
        ("state", f"{SHARDS} names are all the chart's Role allows", True),
        ("state", f"room for {SHARDS * MOST_OBJECTS:,} objects", True),
        ("state", "at most 3 KiB an object (4 KiB in base64)", MOST_BYTES == 3 * 1024),
        ("state", "each of them every ten minutes", AS_SET.save_seconds == 10 * MINUTE),
        ("state", "for at most five seconds", AS_SET.save_deadline_seconds == 5.0),
        ("state", "than a minute (or four intervals)", (SHORTEST_PAUSE_SECONDS, PAUSE_INTERVALS) == (MINUTE, 4.0)),
        ("state", "every quarter of an hour", AS_SET.checkpoint_seconds == 15 * MINUTE),
        *(("state", part, True) for part in PARTS),
        *(("floor", f"`{note}`", True) for note in (ORIGINAL, WRITTEN, OWNER, UNSET)),
        ("floor", "after half a minute and then ever more rarely", FIRST_WAIT_SECONDS == 30.0),
        ("floor", "at least every quarter of an hour", LONGEST_WAIT_SECONDS == 15 * MINUTE),
        ("floor", "says `FloorEdited` for ten minutes", told_apart.EDIT_TOLD_SECONDS == 10 * MINUTE),
        ("conflicts", "said for ten minutes", told_apart.EDIT_TOLD_SECONDS == 10 * MINUTE),
        ("conflicts", "hands off for 15 minutes", told_apart.HANDS_OFF_SECONDS == 15 * MINUTE),
        ("conflicts", "three times within 45 minutes", (told_apart.RETURNS, told_apart.RETURNS_WITHIN_SECONDS)
         == (3, 45 * MINUTE)),
        ("conflicts", "each within 15 minutes of the write", told_apart.RETURN_SECONDS == 15 * MINUTE),
        ("conflicts", "twice where the", told_apart.RETURNS_OF_GITOPS == 2),
        ("conflicts", "noticed within a minute", LOOK_FOR_KEDA_SECONDS == MINUTE),
        ("learning", "at most 15 minutes", MOST_BLUR_SECONDS == 15 * MINUTE),
        ("learning", "After a quarter of an hour it is held to be stuck", STUCK_SECONDS == 15 * MINUTE),
        ("learning", "is worth three pods", PRIOR_PODS == 3.0),
        ("learning", "until five new pods were seen", PODS_AFTER_ROLLOUT == 5),
        ("learning", "at most twice a second", AS_SET.pod_reads_per_second == 2.0),
        ("learning", "not twice within five minutes", BETWEEN_RAISES_SECONDS == 5 * MINUTE),
        ("learning", "has sufficed for an hour", SHORTER_AFTER_SECONDS == HOUR),
        ("learning", "a memory of two days", MEMORY_SECONDS == 2 * DAY),
        ("learning", "(a tenth of the ready ones at most)", FEW == 0.1),
        ("learning", "(95 % and more", SATURATED == 0.95),
        ("learning", "Twenty such buckets", LEARNED_BUCKETS == 20),
        ("tutorial", "after 100 windows that do not overlap", FEWEST_WINDOWS == 100),
        ("tutorial", "with the two minutes of a workload whose pods start within a minute, in 3 hours and 20 minutes",
         FEWEST_WINDOWS * LEAD_SECONDS == 3 * HOUR + 20 * MINUTE),
        ("how-it-decides", "`fallback.after`, 3 minutes", Fallback().after_seconds == 3 * MINUTE),
        ("how-it-decides", "| an hour | `Hold` |", Fallback().hold_seconds == HOUR),
        ("how-it-decides", "usable for a minute", Fallback().recover_seconds == MINUTE),
        ("how-it-decides", "within the last five minutes",
         Behavior().scale_down.stabilization_window_seconds == 5 * MINUTE),
        ("how-it-decides", "with 100 of them", FEWEST_WINDOWS == 100),
        ("upgrading", "those of `version` 1", VERSION == 1),
        ("comparison", "--compare hpa,hpa-cpu,keda,kpa,phpa,crane,aws",
         {"hpa", "hpa-cpu", "keda", "kpa", "phpa", "crane", "aws"} <= set(BASELINES)),
        ("tutorial", f"docker build -t {IMAGE} .", True),
    ],
)  # fmt: skip
def test_what_is_said_stands_there_and_holds(file, said, holds):
    assert said in " ".join((DOCS / f"{file}.md").read_text().split())
    assert holds
