import pytest

from magnetodb.errors import ValidationException
from magnetodb.model.table import KeySchema, Table, TimeToLive
from magnetodb.operations.update_time_to_live import changed_table

ID = "0F8FAD5B-D9CB-469F-A165-70867728950E"
TOO_SOON = "Time to live has been modified multiple times within a fixed interval"


@pytest.fixture
def changed():
    """changed(present TimeToLive or None, attribute, enabled) -> TimeToLive of the changed table"""

    def change(present, attribute, *, enabled):
        table = Table("p", "t", "id", "rows", KeySchema(("pk",)), {"pk": "S"}, {}, 0.0, time_to_live=present)
        return changed_table(table, attribute, enabled, lambda: ID.lower()).time_to_live

    return change


def test_enabling_gives_a_row_table_of_its_own(changed):
    first = changed(None, "expires", enabled=True)

    assert ("expires", "ENABLING") == (first.attribute, first.status)
    assert first.rows_id


def test_disabling_keeps_it_until_the_job_has_dropped_it(changed):
    present = TimeToLive("expires", "rows_of_expiry", "ENABLED")

    assert TimeToLive("expires", "rows_of_expiry", "DISABLING") == changed(present, "expires", enabled=False)


@pytest.mark.parametrize(
    ("status", "attribute", "enabled", "message"),
    [
        (None, "expires", False, "TimeToLive is already disabled"),
        ("ENABLED", "expires", True, "TimeToLive is already enabled"),
        (
            "ENABLED",
            "other",
            True,
            "TimeToLive is active on a different AttributeName: current AttributeName is expires",
        ),
        (
            "ENABLED",
            "other",
            False,
            "TimeToLive is active on a different AttributeName: current AttributeName is expires",
        ),
        ("ENABLING", "expires", True, TOO_SOON),
        ("ENABLING", "expires", False, TOO_SOON),
        ("DISABLING", "expires", False, TOO_SOON),
        ("DISABLING", "other", True, TOO_SOON),
    ],
)
def test_what_is_refused(changed, status, attribute, enabled, message):
    present = None if status is None else TimeToLive("expires", "rows_of_expiry", status)
    with pytest.raises(ValidationException) as caught:
        changed(present, attribute, enabled=enabled)

    assert message == caught.value.message
