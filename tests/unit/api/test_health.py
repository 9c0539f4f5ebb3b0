"""The health text."""

from magnetodb.api.health import healthy


def test_the_words_are_those_of_aws():
    assert b"healthy: dynamodb.eu-west-1.amazonaws.com " == healthy("eu-west-1")
