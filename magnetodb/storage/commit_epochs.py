"""Which commits are under way, by what their process knew of the tables when it decided them.

begin()          a commit of the present epoch
turn(number)     from now on this process decides by the generation `number`: a new epoch
settled()        the generation by which, or by later ones, all commits were decided that are under way
"""

from collections import deque


class Epoch:
    """Commits that were decided by one generation, at least."""

    __slots__ = ("commits", "ended", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.commits = 0
        self.ended = 0.0


class CommitEpochs:
    """Of one process. `seconds_max`: a commit that is older has happened or never will, whatever became of it."""

    def __init__(self) -> None:
        self.seconds_max = 0.0
        self._epochs = deque([Epoch(0)])

    def begin(self) -> Epoch:
        """A commit has begun, of which `end` is told. Call it in the same step as the decision."""
        epoch = self._epochs[-1]
        epoch.commits += 1
        return epoch

    @staticmethod
    def end(epoch: Epoch) -> None:
        """It is known what became of the commit; if that is never known, this is not called."""
        epoch.commits -= 1

    def turn(self, number: int, now: float) -> None:
        """See above. `now`: of a monotonic clock."""
        present = self._epochs[-1]
        if number > present.number:
            present.ended = now
            self._epochs.append(Epoch(number))

    def settled(self, now: float) -> int:
        """See above."""
        epochs = self._epochs
        while len(epochs) > 1 and (not epochs[0].commits or now - epochs[0].ended > self.seconds_max):
            epochs.popleft()
        return epochs[0].number
