"""The next is made while the present is used."""

import threading

import numba
import pytest
import torch

from drivecnn.training.ahead import Ahead, AtOnce

WAIT = 10.0  # s, until a test gives up


@pytest.mark.parametrize("maker", [Ahead, AtOnce])
def test_each_number_has_its_own(maker):
    doubles = maker(lambda number: 2 * number)
    for number in (0, 1, 2, 3, 7, 8, 3):  # with a jump, as after a resumed run's first step
        with doubles.of(number) as double:
            assert double == 2 * number


def test_the_next_is_made_beside_the_block():
    begun = threading.Event()

    def make(number):
        if number == 1:
            begun.set()
        return number

    with Ahead(make).of(0):
        assert begun.wait(WAIT)


def test_none_is_made_after_the_block():
    inside, ended = threading.Event(), []

    def make(number):
        if number == 1:
            assert inside.wait(WAIT)
            ended.append(number)
        return number

    with Ahead(make).of(0):
        inside.set()
    assert ended == [1]


def test_block_and_maker_share_the_threads():
    whole = torch.get_num_threads(), numba.get_num_threads()
    made = Ahead(lambda _: numba.get_num_threads())
    with made.of(0):
        assert torch.get_num_threads() == max(1, whole[0] // 2)
    with made.of(1) as threads:
        assert threads == max(1, whole[1] // 2)
    assert (torch.get_num_threads(), numba.get_num_threads()) == whole


def test_what_goes_wrong_in_either_is_heard():
    def make(number):
        if number == 3:
            raise LookupError
        return number

    things, threads = Ahead(make), torch.get_num_threads()
    with pytest.raises(KeyError), things.of(0):
        raise KeyError
    with things.of(1) as thing:  # of the time before
        assert thing == 1
    with pytest.raises(LookupError), things.of(2):
        pass
    assert torch.get_num_threads() == threads
