"""The search knows right from wrong: small histories by hand, random ones against all orders tried."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.linearizability import INFINITY, KEPT, UNSEEN, Operation, TooManyStates, violation

WRITES_AT_ONCE = 10


def put(value, sent, answered):
    return Operation("put", sent, answered, wrote=value)


def read(value, sent, answered):
    return Operation("read", sent, answered, seen=value)


def change(old, new, sent, answered):
    return Operation("change", sent, answered, seen=old, wrote=new)


HISTORIES = {
    "nothing": ([], True),
    "a write and its read": ([put(1, 0, 1), read(1, 2, 3)], True),
    "a stale read": ([put(1, 0, 1), put(2, 2, 3), read(1, 4, 5)], False),
    "a read beside a write sees either": ([put(1, 0, 9), read(None, 1, 2), read(1, 3, 4)], True),
    "a read goes back": ([put(1, 0, 9), read(1, 1, 2), read(None, 3, 4)], False),
    "a lost write": ([put(1, 0, 1), read(None, 2, 3)], False),
    "two changes of one value": ([put(1, 0, 1), change(1, 2, 2, 9), change(1, 3, 2, 9)], False),
    "a chain of changes at once": ([change(2, 3, 0, 9), change(1, 2, 0, 9), change(None, 1, 0, 9)], True),
    "a chain against time": ([change(1, 2, 0, 1), change(None, 1, 2, 3)], False),
    "a value from nowhere": ([read(7, 0, 1)], False),
    "unanswered and never seen": ([put(1, 0, INFINITY), read(None, 1, 2), read(None, 3, 4)], True),
    "unanswered, late and seen": ([put(1, 0, INFINITY), read(None, 1, 2), read(1, 3, 4)], True),
    "unanswered, seen and gone": ([put(1, 0, INFINITY), read(1, 1, 2), read(None, 3, 4)], False),
    "unanswered and written twice": (
        [put(1, 0, INFINITY), read(1, 1, 2), put(2, 3, 4), read(1, 5, 6)],
        False,
    ),
    "an unanswered change comes over another": (
        [put(1, 0, 1), change(1, 2, 2, INFINITY), put(3, 3, 4), read(2, 5, 6)],
        False,
    ),
    "deleted and made again": (
        [put(1, 0, 1), change(1, None, 2, 3), read(None, 4, 5), put(2, 6, 7), read(2, 8, 9)],
        True,
    ),
    "many at once": (
        [
            *[put(number, 0, 100) for number in range(WRITES_AT_ONCE)],
            *[read(number, 10 + number, 10.5 + number) for number in range(WRITES_AT_ONCE)],
        ],
        True,
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_known_histories(name):
    operations, right = HISTORIES[name]

    assert right == (violation(operations) is None), violation(operations)


def test_what_does_not_fit_is_told():
    told = violation([put(1, 0, 1), read(None, 2, 3)])

    assert told is not None
    assert told.startswith("read 2.0000..3.0000 seen None")


def test_a_history_that_is_too_wide_is_not_called_right():
    wide = [put(number, 0, 100) for number in range(40)]
    wide += [read(number, 100 + number, 101 + number) for number in reversed(range(40))]

    with pytest.raises(TooManyStates):
        violation(wide)


@st.composite
def histories(draw):
    """Up to six operations; reads and conditions see one of the values that are written."""
    count = draw(st.integers(1, 6))
    values = [None, *range(count)]
    operations = []
    for number in range(count):
        sent = draw(st.integers(0, 8)) + number / 100
        answered = draw(st.sampled_from([INFINITY, sent + 0.5, sent + 2.5, sent + 5.5]))
        seen = draw(st.sampled_from([UNSEEN, *values]))
        wrote = draw(st.sampled_from([KEPT, number, None]))
        operations.append(Operation("any", sent, answered, seen, wrote))
    return operations


def fits(order):
    """Whether the order respects time and what each has seen."""
    value = None
    for place, operation in enumerate(order):
        if any(later.answered < operation.sent for later in order[place + 1 :]):
            return False
        if operation.seen is not UNSEEN and operation.seen != value:
            return False
        value = value if operation.wrote is KEPT else operation.wrote
    return True


def has_order(operations):
    """By trying: every choice of the unanswered, every order."""
    answered = [each for each in operations if each.answered < INFINITY]
    open_ = [each for each in operations if each.answered == INFINITY]
    choices = [[each for place, each in enumerate(open_) if chosen >> place & 1] for chosen in range(2 ** len(open_))]
    return any(fits(order) for chosen in choices for order in permutations([*answered, *chosen]))


@settings(max_examples=300, deadline=None)
@given(histories())
def test_the_search_finds_what_trying_all_orders_finds(operations):
    assert has_order(operations) == (violation(operations) is None)
