import pytest

from magnetodb.storage.commit_epochs import CommitEpochs


@pytest.fixture
def epochs():
    epochs = CommitEpochs()
    epochs.seconds_max = 10.0
    return epochs


def test_without_commits_every_turn_is_settled_at_once(epochs):
    before = epochs.settled(0.0)
    epochs.turn(3, 0.0)

    assert (0, 3) == (before, epochs.settled(0.0))


def test_a_turn_is_settled_when_all_commits_of_before_have_ended(epochs):
    commits = [epochs.begin() for _ in range(2)]
    epochs.turn(1, 0.0)
    later = epochs.begin()
    settled = [epochs.settled(0.0)]
    for commit in commits:
        epochs.end(commit)
        settled.append(epochs.settled(0.0))
    epochs.turn(2, 0.0)
    settled.append(epochs.settled(0.0))
    epochs.end(later)

    assert [0, 0, 1, 1, 2] == [*settled, epochs.settled(0.0)]


def test_a_commit_of_which_nothing_is_heard_holds_nothing_up_for_ever(epochs):
    epochs.begin()
    epochs.turn(1, 5.0)

    assert [0, 1] == [epochs.settled(now) for now in (15.0, 15.1)]


def test_a_turn_to_what_is_known_is_none(epochs):
    epochs.turn(2, 0.0)
    epochs.begin()
    epochs.turn(2, 1.0)
    epochs.turn(1, 2.0)

    assert 2 == epochs.settled(2.0)
