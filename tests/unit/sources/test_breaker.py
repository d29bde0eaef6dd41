"""The breaker: many askers in a row shut a server, one asker alone does not."""

import pytest

from bayescaler.sources.breaker import Breaker
from bayescaler.sources.port import SourceError

SILENCE = SourceError("p did not answer", reason="Timeout")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(limit=3, pause_seconds=10.0, clock=clock)


def shut(breaker):
    for asker in ("a", "b", "c"):
        breaker.failed(asker, SILENCE)


def test_three_askers_in_a_row_shut_the_server_and_the_rest_are_told_why(breaker):
    shut(breaker)
    with pytest.raises(SourceError, match="not asked, because p did not answer") as caught:
        breaker.check()
    assert caught.value.reason == "Timeout"


def test_one_asker_alone_shuts_nothing(breaker):
    for _ in range(100):
        breaker.failed("a", SILENCE)
    breaker.check()


def test_an_answer_in_between_starts_the_count_anew(breaker):
    breaker.failed("a", SILENCE)
    breaker.failed("b", SILENCE)
    breaker.answered()
    breaker.failed("c", SILENCE)
    breaker.check()


def test_after_the_pause_one_asks_and_the_others_wait_for_its_answer(breaker, clock):
    shut(breaker)
    clock.now += 10.0
    breaker.check()
    with pytest.raises(SourceError):
        breaker.check()
    breaker.answered()
    breaker.check()
    breaker.check()


def test_a_probe_that_fails_shuts_for_another_pause(breaker, clock):
    shut(breaker)
    clock.now += 10.0
    breaker.check()
    breaker.failed("d", SILENCE)
    clock.now += 9.9
    with pytest.raises(SourceError):
        breaker.check()


def test_a_probe_that_was_never_heard_of_again_does_not_shut_for_good(breaker, clock):
    shut(breaker)
    clock.now += 10.0
    breaker.check()
    clock.now += 10.0
    breaker.check()
