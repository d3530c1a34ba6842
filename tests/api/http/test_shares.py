"""Who takes much of the server's time is known by it, and only as long as it goes on."""

from k3py.api.http.shares import MUCH_SECONDS, WINDOW_SECONDS, Share


def test_more_than_the_bound_in_a_window_is_much() -> None:
    share = Share()
    share.took(100.0, 100.0 + MUCH_SECONDS / 2)
    share.took(100.01, 100.01 + MUCH_SECONDS / 2 - 1e-6)
    assert not share.is_much(100.02)
    share.took(100.02, 100.02 + 1e-5)
    assert share.is_much(100.03)


def test_it_is_held_against_a_client_for_the_next_window_and_no_longer() -> None:
    share = Share()
    share.took(100.0, 100.0 + 2 * MUCH_SECONDS)
    begin = 100.0 + 2 * MUCH_SECONDS  # the window begins when first something is heard
    assert share.is_much(begin + 1.1 * WINDOW_SECONDS)
    assert share.is_much(begin + 1.9 * WINDOW_SECONDS)
    assert not share.is_much(begin + 2.2 * WINDOW_SECONDS)


def test_who_comes_back_after_a_pause_begins_anew() -> None:
    share = Share()
    share.took(100.0, 100.0 + 2 * MUCH_SECONDS)
    assert not share.is_much(200.0)
