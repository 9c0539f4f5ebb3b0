"""What the tests of this project share."""

import pytest
from sessions import Sessions, create_table


@pytest.fixture
def sessions(dynamodb_resource, dynamodb_clock):
    """Sessions on a table of this test's own, by a clock that the test can move."""
    create_table(dynamodb_resource)
    return Sessions(dynamodb_resource, now=dynamodb_clock.time)
