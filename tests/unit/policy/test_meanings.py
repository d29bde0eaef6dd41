"""Every word has a meaning and a cure: a new one without them is found here."""

import re
from pathlib import Path

import pytest

import bayescaler
from bayescaler.api import ConditionType
from bayescaler.cluster import errors
from bayescaler.cluster.scalers import ScalerKind
from bayescaler.control.rivals import NOT_READ
from bayescaler.policy import Health, Limiter, Phase, Rung
from bayescaler.policy.conditions import REASONS, TYPES, as_it_should_be, cure_of
from bayescaler.policy.conflicts import Interference
from bayescaler.policy.glossary import reasons_markdown
from bayescaler.policy.meanings import CANARIES, LIMITERS, PHASES, RUNGS
from bayescaler.policy.reasons import CanaryPhase
from bayescaler.policy.record import Judged

SOURCE = Path(bayescaler.__file__).parent
LITERAL = re.compile(
    r"""(?:\bProblem\(\s*|\breason\s*=\s*|SourceError\([^()]*reason=|ConditionType\.\w+,\s*(?:True|False),\s*|^\s+Limiter\.\w+:\s*)
        "([A-Z][A-Za-z]+)\"""",
    re.VERBOSE | re.MULTILINE,
)
NOT_OF_CONDITIONS = {
    "SuccessfulRescale",
    "FloorRestored",
    "FloorNotRestored",
    "StateRefused",
    "NoLogs",
}  # of Events, of a command


@pytest.mark.parametrize(
    ("words", "meanings"),
    [(Limiter, LIMITERS), (Phase, PHASES), (Rung, RUNGS), (CanaryPhase, CANARIES), (ConditionType, TYPES)],
)
def test_every_word_has_its_meaning_in_its_order(words, meanings):
    assert [str(word) for word in words] == [str(word) for word in meanings]


def test_every_reason_that_a_condition_can_carry_has_its_meaning():
    rooms = [p for room in ("control", "sources", "cluster") for p in (SOURCE / room).rglob("*.py")]
    written = {reason for path in rooms for reason in LITERAL.findall(path.read_text())} - NOT_OF_CONDITIONS
    classes = {c.reason for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.ClusterError)}
    statuses = {
        kind.__name__ for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ApiError)
    }
    of_health = {f"Load{health}" for health in Health}
    of_others = {NOT_READ, "FloorEdited", *ScalerKind, Interference.NONE, Interference.REVERTING}
    wanted = of_others | written | classes | statuses | of_health | set(Phase) | set(Rung)
    assert len(written) > 30, "the search has lost its way"
    assert wanted - set(REASONS) == set()


@pytest.mark.parametrize("entry", [*LIMITERS.values(), *PHASES.values(), *RUNGS.values(), *CANARIES.values()])
def test_no_entry_is_empty(entry):
    assert entry.meaning.endswith(".")
    assert entry.cure
    assert entry.example


def test_a_condition_is_judged_by_what_it_is_about():
    assert as_it_should_be(Judged("Ready", "True", "Ready", ""))
    assert not as_it_should_be(Judged("Ready", "Unknown", "Ready", ""))
    assert as_it_should_be(Judged("Paused", "False", "Running", ""))
    assert not as_it_should_be(Judged("FallbackActive", "True", "Hold", ""))
    assert not as_it_should_be(Judged("OfTomorrow", "False", "X", ""))


def test_a_reason_that_is_not_known_points_to_its_message():
    assert cure_of("OfTomorrow") == "see the message"


def test_the_page_has_a_row_for_every_word():
    page = reasons_markdown()
    for word in (*Limiter, *Phase, *Rung, *REASONS):
        assert f"| `{word}` |" in page
    for word in ConditionType:
        assert f"| `{word} (" in page
