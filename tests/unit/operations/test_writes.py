"""What the writes of one item share."""

import pytest

from magnetodb.errors import ValidationException
from magnetodb.operations.writes import check_return_values


@pytest.mark.parametrize(("wanted", "expected"), [(None, False), ("NONE", False), ("ALL_OLD", True)])
def test_return_values(wanted, expected):
    assert expected == check_return_values({"ReturnValues": wanted})


def test_other_return_values_are_refused():
    with pytest.raises(ValidationException) as caught:
        check_return_values({"ReturnValues": "UPDATED_NEW"})

    assert caught.value.message == "ReturnValues can only be ALL_OLD or NONE"


async def test_the_collection_of_an_item_is_named_by_its_partition_key(service):
    await service.create(
        "indexed",
        "pk:N",
        "sk:N",
        LocalSecondaryIndexes=[
            {
                "IndexName": "again",
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    answer = await service.run(
        "DeleteItem",
        TableName="indexed",
        Key={"pk": {"N": "1.50"}, "sk": {"N": "1"}},
        ReturnItemCollectionMetrics="SIZE",
    )

    assert answer == {
        "ItemCollectionMetrics": {"ItemCollectionKey": {"pk": {"N": "1.5"}}, "SizeEstimateRangeGB": [0.0, 1.0]}
    }
