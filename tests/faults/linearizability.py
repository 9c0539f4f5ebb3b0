"""Whether what clients saw of one item can be put in one order: each operation at one moment between its sending and
its answer, and each sees what the one before it left.

It is the search of Wing and Gong with Lowe's improvements: along time, with the set of all states that are still
possible. A state is the value of the item and which of the operations under way have had their moment already; states
that are equal are gone on from once. An operation that was never answered stays under way for ever: it may have its
moment at any time, or never.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

STATES_MAX: Final = 200_000
"""More states at once: the search is given up, and says so."""

INFINITY: Final = float("inf")


class Mark:
    """A value that is none of an item's."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


UNSEEN: Final = Mark("unseen")
KEPT: Final = Mark("kept")


class Operation(NamedTuple):
    """What one client did. No two operations write the same value, but for None: no item."""

    name: str
    sent: float
    answered: float
    """Infinity: never, or by an error that leaves the outcome open."""

    seen: object = UNSEEN
    """The value that it found: a read's, or of a write its condition's or the old value that it returned."""

    wrote: object = KEPT

    def __str__(self) -> str:
        until = "?" if self.answered == INFINITY else f"{self.answered:.4f}"
        return f"{self.name} {self.sent:.4f}..{until} seen {self.seen} wrote {self.wrote}"


State = tuple[object, frozenset[int]]
"""The value, and the operations under way that have had their moment."""


class TooManyStates(Exception):
    """The history is too wide to be judged."""


def violation(operations: Iterable[Operation], start: object = None) -> str | None:
    """Why there is no such order, told by the first operation that fits into none; None if there is one.

    Raises TooManyStates.
    """
    history = judged(list(operations))
    events = sorted(
        [(operation.sent, 0, number) for number, operation in enumerate(history)]
        + [(operation.answered, 1, number) for number, operation in enumerate(history) if operation.answered < INFINITY]
    )
    states: set[State] = {(start, frozenset())}
    under_way: dict[int, Operation] = {}
    for _, answered, number in events:
        if not answered:
            under_way[number] = history[number]
            continue
        before = states
        states = {(value, done - {number}) for value, done in passed(states, under_way, number)}
        del under_way[number]
        if not states:
            values = sorted({str(value) for value, _ in before})
            return f"{history[number]}; the item was one of {values}, under way {[*map(str, under_way.values())]}"
    return None


def judged(operations: Sequence[Operation]) -> list[Operation]:
    """Without those that were never answered and whose value nobody has seen: if there is an order with one of them,
    there is one without it, since whatever comes next in it does not look."""
    seen = {operation.seen for operation in operations}
    return [operation for operation in operations if operation.answered < INFINITY or operation.wrote in seen]


def passed(states: Iterable[State], under_way: dict[int, Operation], number: int) -> set[State]:
    """All states in which that operation has had its moment, after as few others as may be."""
    left = list(states)
    met = set(left)
    reached: set[State] = set()
    while left:
        state = left.pop()
        value, done = state
        if number in done:
            reached.add(state)
            continue
        for each, operation in under_way.items():
            if each in done or not (operation.seen is UNSEEN or operation.seen == value):
                continue
            following = (value if operation.wrote is KEPT else operation.wrote, done | {each})
            if following not in met:
                met.add(following)
                left.append(following)
        if len(met) > STATES_MAX:
            raise TooManyStates(f"More than {STATES_MAX} states at {under_way[number]}.")
    return reached
