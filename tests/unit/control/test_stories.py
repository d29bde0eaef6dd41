"""Stories as people read them: every rule, rung and phase has one, kept as text that somebody found good."""

import pytest

from bayescaler.cli.told import as_text
from bayescaler.control.conditions import assess
from bayescaler.policy import Limiter, Phase, Rung
from bayescaler.policy.conditions import TYPES
from bayescaler.policy.meanings import LIMITERS, PHASES, RUNGS
from bayescaler.policy.record import read
from bayescaler.policy.story import tell

from . import scenes
from .scenes import LATER, NOON, PAGES, SCENES, STORIES


@pytest.fixture(scope="module")
def played():
    return {name: make() for name, make in SCENES.items()}


@pytest.mark.parametrize("name", SCENES)
def test_the_story_of_a_scene_is_the_one_that_was_kept(name):
    assert scenes.story_of(name) == (STORIES / f"{name}.txt").read_text(), "python tests/unit/control/scenes.py"


def test_no_story_is_kept_of_a_scene_that_is_gone():
    assert {path.stem for path in STORIES.iterdir()} == set(SCENES)


@pytest.mark.parametrize("name", SCENES)
def test_status_and_log_tell_the_same_story(played, name):
    web = played[name]
    record = scenes.logged(web)
    record["risk"] = {key: told for key, told in record.get("risk", {}).items() if key not in ("seconds", "ladder")}
    stories = [as_text(tell(read(told), now=NOON + LATER)) for told in (record, scenes.told_by_status(web))]
    assert stories[0] == stories[1]


def test_only_the_log_tells_what_other_prices_would_have_come_to(played):
    web = played["budget"]
    assert "the price now" in as_text(tell(read(scenes.logged(web)), now=NOON))
    assert "the price now" not in as_text(tell(read(scenes.told_by_status(web)), now=NOON))


@pytest.mark.parametrize("limiter", Limiter)
def test_every_limiter_has_a_scene_and_its_example_is_what_it_says_there(played, limiter):
    said = [step.why for web in played.values() for step in web.decision.steps if step.limiter is limiter]
    assert LIMITERS[limiter].example in said


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_a_scene_and_its_example_is_what_it_says_there(played, phase):
    assert PHASES[phase].example in [web.phase_message for web in played.values() if web.phase is phase]


@pytest.mark.parametrize("rung", Rung)
def test_every_rung_has_a_scene_and_its_example_is_what_it_says_there(played, rung):
    said = " | ".join(web.decision.message for web in played.values() if web.decision.rung is rung)
    assert RUNGS[rung].example in said


@pytest.mark.parametrize("kind", TYPES)
def test_the_example_of_a_condition_is_what_it_says_where_it_is_not_as_it_should_be(played, kind):
    bad = TYPES[kind].good != "True"
    said = [c.message for web in played.values() for c in assess(web) if c.type == kind and c.status is bad]
    assert TYPES[kind].words.example in said


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_shows_the_stories_of_today(path):
    text = path.read_text()
    assert scenes.page(text) == text, "python tests/unit/control/scenes.py"


@pytest.mark.parametrize(
    "name", [n for n, web in ((n, make()) for n, make in SCENES.items()) if web.decision.load is None]
)
def test_without_load_no_story_tells_how_to_have_fewer(name):
    story = scenes.story_of(name)
    assert "fewer: not before load has been read steadily again" in story
    assert "lower minReplicas" not in story
    assert "tolerance" not in story


def test_of_an_old_status_it_is_said_what_that_means_and_a_decision_of_the_log_stands():
    record = read(scenes.told_by_status(SCENES["forecast"]()))
    assert "this is 2h old: a status is written when" in as_text(tell(record, now=NOON + 7200.0))
    assert " old: " not in as_text(tell(record, now=NOON + 9000.0, asked_at=NOON + 7200.0))
