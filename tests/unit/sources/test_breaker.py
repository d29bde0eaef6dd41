"""The breaker: many askers that hear nothing shut a server; one alone, or several among answered ones, do not."""

import pytest

from bayescaler.sources.breaker import Breaker
from bayescaler.sources.port import SourceError

SILENCE = SourceError("p did not answer", reason="Timeout", silent=True)


@pytest.fixture
def breaker(clock):
    return Breaker(limit=3, pause_seconds=10.0, clock=clock)


def ask(breaker, asker):
    """Ask in vain."""
    breaker.failed(asker, SILENCE, since=breaker.check(asker))


def refused(breaker, *askers):
    for asker in askers:
        with pytest.raises(SourceError, match="not asked, because p did not answer") as caught:
            breaker.check(asker)
        assert caught.value.reason == "Timeout"


@pytest.fixture
def shut(breaker):
    for asker in ("a", "b", "c"):
        ask(breaker, asker)
    return breaker


def test_three_askers_in_a_row_shut_the_server_and_the_rest_are_told_why(shut):
    refused(shut, "d", "a")


def test_one_asker_alone_shuts_nothing(breaker):
    for _ in range(100):
        ask(breaker, "a")
    breaker.check("b")


def test_an_answer_in_between_starts_the_count_anew(breaker):
    ask(breaker, "a")
    ask(breaker, "b")
    breaker.answered()
    ask(breaker, "c")
    breaker.check("d")


def test_slow_askers_shut_nothing_while_others_are_answered(breaker):
    for _ in range(10):
        slow = {asker: breaker.check(asker) for asker in ("a", "b", "c")}
        breaker.check("d")
        breaker.answered()
        for asker, since in slow.items():
            breaker.failed(asker, SILENCE, since=since)
    breaker.check("e")


def test_after_the_pause_one_asks_and_the_others_wait_for_its_answer(shut, clock):
    clock.now += 10.0
    shut.check("d")
    refused(shut, "e", "a")
    shut.answered()
    shut.check("e")
    shut.check("a")


def test_a_probe_that_fails_shuts_for_another_pause(shut, clock):
    clock.now += 10.0
    ask(shut, "d")
    clock.now += 9.9
    refused(shut, "e")


def test_a_probe_that_was_never_heard_of_again_does_not_shut_for_good(shut, clock):
    clock.now += 10.0
    shut.check("d")
    clock.now += 10.0
    shut.check("e")


def test_who_failed_lets_others_go_first_so_that_one_who_is_served_reopens_the_server(shut, clock):
    clock.now += 10.0
    refused(shut, "a", "b", "c")
    shut.check("d")
    shut.answered()
    shut.check("a")


def test_where_all_have_failed_each_probes_in_its_turn(shut, clock):
    probes = []
    for _ in range(8):
        clock.now += 10.0
        for asker in ("a", "b", "c"):
            try:
                since = shut.check(asker)
            except SourceError:
                continue
            probes.append(asker)
            shut.failed(asker, SILENCE, since=since)
    assert probes == ["a", "b", "c", "a", "b", "c"]
