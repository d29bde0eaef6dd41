"""Windows keep what can still matter."""

from bayescaler.replay.windows import push_highest, push_lowest, since, total


def test_the_first_entry_is_the_highest_of_the_window():
    window = ()
    for at, value in ((0.0, 9), (15.0, 4), (30.0, 7), (45.0, 7), (60.0, 2)):
        window = push_highest(window, at, value, 60.0)

    assert window == ((45.0, 7), (60.0, 2))  # 9 has just left, 4 is outlived by 7


def test_the_first_entry_is_the_lowest_of_the_window():
    window = ()
    for at, value in ((0.0, 2), (15.0, 7), (30.0, 4), (45.0, 4), (60.0, 9)):
        window = push_lowest(window, at, value, 60.0)

    assert window == ((45.0, 4), (60.0, 9))


def test_a_window_of_no_length_holds_only_the_newest():
    assert push_highest(((0.0, 9),), 15.0, 3, 0.0) == ((15.0, 3),)


def test_an_entry_as_old_as_the_window_is_outside():
    window = ((0.0, 1), (15.0, 2), (30.0, 4))
    assert since(window, 15.0) == ((30.0, 4),)
    assert total(window, 0.0) == 6
    assert since(window, 30.0) == ()
