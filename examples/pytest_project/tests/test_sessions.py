"""Each test has tables of its own; the names never clash, and nothing is cleaned up by hand."""

import pytest
from sessions import SessionLimitReached, Sessions, create_table


def test_a_token_says_whose_session_it_is(sessions):
    """The fixture made the table."""
    token = sessions.start("ada")

    assert sessions.user(token) == "ada"


@pytest.mark.parametrize("user", ["ada", "grace", "Đorđe", "李"])
def test_nobody_is_signed_in_at_first(sessions, user):
    """Whatever other tests did."""
    assert sessions.tokens(user) == []


def test_a_session_ends_by_itself(sessions, dynamodb_clock):
    """Time to live, without waiting for it."""
    token = sessions.start("ada")

    dynamodb_clock.move(minutes=59)
    assert sessions.user(token) == "ada"

    dynamodb_clock.move(minutes=2)
    assert sessions.user(token) is None


def test_a_session_that_is_prolonged_lasts_longer(sessions, dynamodb_clock):
    """The index follows."""
    kept, left = sessions.start("ada"), sessions.start("ada")
    dynamodb_clock.move(minutes=50)
    sessions.prolong(kept)

    dynamodb_clock.move(minutes=50)

    assert sessions.tokens("ada") == [kept]
    assert not sessions.prolong(left)


def test_there_is_a_limit(sessions):
    """Three, unless one says otherwise."""
    for _ in range(3):
        sessions.start("ada")

    with pytest.raises(SessionLimitReached):
        sessions.start("ada")


def test_a_user_is_signed_out_everywhere(sessions):
    """And nobody else is."""
    sessions.start("ada")
    sessions.start("ada")
    other = sessions.start("grace")

    sessions.end_all("ada")

    assert sessions.tokens("ada") == []
    assert sessions.user(other) == "grace"


def test_a_program_that_connects_by_itself(dynamodb_resource, dynamodb_environment):
    """`Sessions()` as the program makes it, by AWS's environment variables."""
    create_table(dynamodb_resource)

    token = Sessions().start("ada")

    assert Sessions(dynamodb_resource).user(token) == "ada"
