"""Who else moves a number, told by what happens after we wrote it."""

from dataclasses import dataclass, field

import pytest

from bayescaler.policy.conflicts import (
    EDIT_TOLD_SECONDS,
    HANDS_OFF_SECONDS,
    Interference,
    Tenure,
    attempted,
    look,
    wrote,
)

NOON = 1_772_452_800.0
MINUTE = 60.0
NONE, EDITED, REVERTING = Interference.NONE, Interference.EDITED, Interference.REVERTING


@dataclass
class Story:
    """One number, ours and somebody's, minute by minute."""

    now: float = NOON
    tenure: Tenure = field(default_factory=Tenure)
    by: str | None = None

    def see(self, value, *, of="uid", after=MINUTE, wanted=None):
        self.now += after
        self.tenure, verdict = look(self.tenure, value, of=of, by=self.by, now=self.now, wanted=wanted)
        return verdict

    def write(self, value):
        self.tenure = wrote(attempted(self.tenure, value, now=self.now), value, now=self.now)


@pytest.fixture
def story():
    made = Story()
    assert made.see(3).interference is NONE
    return made


def taken_back(story, times, to=3):
    """Each time we write ten, and find `to` a minute later."""
    found = []
    for _ in range(times):
        story.write(10)
        found.append(story.see(to).interference)
    return found


def test_what_we_wrote_is_no_edit(story):
    story.write(10)
    assert story.see(10).interference is NONE


def test_a_write_whose_answer_was_lost_is_ours_when_it_shows(story):
    story.tenure = attempted(story.tenure, 10, now=story.now)
    assert story.see(3).interference is NONE
    assert story.see(10).interference is NONE


def test_somebody_who_writes_what_we_wrote_or_want_edits_nothing(story):
    story.write(10)
    assert story.see(3).interference is EDITED
    told = story.tenure.edited_at
    assert story.see(10, wanted=12).fresh is False
    assert story.see(12, wanted=12).fresh is False
    assert (story.tenure.value, story.tenure.edited_at) == (12, told)


def test_gitops_whose_number_is_the_one_we_want_is_no_conflict(story):
    for _ in range(4):
        story.write(10)
        assert story.see(3, wanted=3).interference is NONE
    assert story.tenure.returns == ()


def test_an_edit_is_fresh_once_and_told_for_a_while(story):
    first, second = story.see(7), story.see(7)
    assert (first.interference, first.fresh) == (EDITED, True)
    assert (second.interference, second.fresh) == (EDITED, False)
    assert story.see(7, after=EDIT_TOLD_SECONDS).interference is NONE
    assert (story.tenure.edited_from, story.tenure.value) == (3, 7)


def test_two_returns_may_be_a_person_and_the_third_is_gitops(story):
    assert taken_back(story, 3) == [EDITED, EDITED, REVERTING]


def test_a_manager_known_for_gitops_is_told_by_the_second_return(story):
    story.by = "argocd-controller"
    assert taken_back(story, 2) == [EDITED, REVERTING]


def test_returns_to_different_numbers_are_edits(story):
    assert [taken_back(story, 1, to=to)[0] for to in (3, 4, 5, 6)] == [EDITED] * 4


def test_returns_that_lie_far_apart_are_edits(story):
    found = []
    for _ in range(5):
        found += taken_back(story, 1)
        story.see(3, after=30 * MINUTE)
    assert found == [EDITED] * 5


def test_a_change_long_after_our_write_takes_nothing_back(story):
    found = []
    for _ in range(4):
        story.write(10)
        found.append(story.see(3, after=16 * MINUTE).interference)
    assert found == [EDITED] * 4


def test_hands_are_off_for_a_quarter_of_an_hour_and_then_it_is_tried_again(story):
    taken_back(story, 3)
    assert story.see(3, after=HANDS_OFF_SECONDS - 1).interference is REVERTING
    assert story.see(3, after=2).interference is not REVERTING


def test_a_reverter_that_was_found_before_is_known_by_its_next_return(story):
    taken_back(story, 3)
    story.see(3, after=HANDS_OFF_SECONDS + 1)
    assert taken_back(story, 1) == [REVERTING]


def test_after_a_quiet_hour_a_reverter_is_forgiven(story):
    taken_back(story, 3)
    story.see(3, after=2 * 3600.0)
    assert taken_back(story, 1) == [EDITED]


def test_another_object_of_the_name_begins_anew(story):
    taken_back(story, 3)
    assert story.see(8, of="another uid").interference is NONE
    assert story.tenure == Tenure(of="another uid", value=8)


def test_a_clock_set_back_keeps_no_hands_off_for_ever(story):
    taken_back(story, 3)
    assert story.see(3, after=-86400.0).interference is not REVERTING
