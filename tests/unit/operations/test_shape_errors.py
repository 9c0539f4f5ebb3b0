import pytest

from magnetodb.errors import SerializationException, ValidationException
from magnetodb.operations.requests import REQUESTS
from magnetodb.operations.shape_errors import explain

KEY = {"a": {"S": "x"}}
MAP_TYPE = "java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>"


def words(operation, request):
    with pytest.raises((SerializationException, ValidationException)) as caught:
        explain(REQUESTS[operation], request)
    return caught.value.message


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        ("GetItem", {"TableName": 1}, "NUMBER_VALUE cannot be converted to String"),
        ("GetItem", {"TableName": True}, "TRUE_VALUE cannot be converted to String"),
        ("GetItem", {"TableName": False}, "FALSE_VALUE cannot be converted to String"),
        ("GetItem", {"TableName": {}}, "Start of structure or map found where not expected"),
        ("GetItem", {"TableName": []}, "Unrecognized collection type class java.lang.String"),
        ("GetItem", {"Key": "x"}, "Unexpected field type"),
        ("GetItem", {"Key": []}, f"Unrecognized collection type {MAP_TYPE}"),
        ("GetItem", {"Key": {"a": "x"}}, "Unexpected value type in payload"),
        ("GetItem", {"Key": {"a": {"S": 1}}}, "NUMBER_VALUE cannot be converted to String"),
        ("GetItem", {"AttributesToGet": "x"}, "Unexpected field type"),
        ("GetItem", {"AttributesToGet": {}}, "Start of structure or map found where not expected"),
        ("GetItem", {"ConsistentRead": "x"}, "Unexpected token received from parser"),
        ("GetItem", {"ConsistentRead": 1}, "NUMBER_VALUE cannot be converted to Boolean"),
        ("Query", {"Limit": "1"}, "STRING_VALUE cannot be converted to Integer"),
        ("Query", {"Limit": True}, "TRUE_VALUE cannot be converted to Integer"),
        ("Query", {"Limit": 2**31}, "NUMBER_VALUE cannot be converted to Integer"),
        ("CreateTable", {"ProvisionedThroughput": "x"}, "Unexpected value type in payload"),
        (
            "CreateTable",
            {"ProvisionedThroughput": []},
            "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.ProvisionedThroughput",
        ),
        (
            "CreateTable",
            {"ProvisionedThroughput": {"ReadCapacityUnits": "1"}},
            "STRING_VALUE cannot be converted to Long",
        ),
    ],
)
def test_a_wrong_json_type_is_a_serialization_exception(operation, request_, expected):
    with pytest.raises(SerializationException) as caught:
        explain(REQUESTS[operation], request_)

    assert expected == caught.value.message


def test_types_come_before_constraints():
    actual = words("GetItem", {"TableName": "", "ReturnConsumedCapacity": "x", "ConsistentRead": 1})

    assert "NUMBER_VALUE cannot be converted to Boolean" == actual


def test_the_first_wrong_type_of_the_document_counts():
    actual = words("GetItem", {"ConsistentRead": 1, "TableName": True})

    assert "NUMBER_VALUE cannot be converted to Boolean" == actual


def test_several_violations_are_one_message():
    actual = words("GetItem", {"TableName": "", "ReturnConsumedCapacity": "x"})

    assert (
        "3 validation errors detected: "
        "Value '' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 1; "
        "Value null at 'key' failed to satisfy constraint: Member must not be null; "
        "Value 'x' at 'returnConsumedCapacity' failed to satisfy constraint: "
        "Member must satisfy enum value set: [INDEXES, TOTAL, NONE]"
    ) == actual


def test_at_most_ten_violations_are_listed():
    actual = words("CreateTable", {"TableName": "table", "AttributeDefinitions": [{}] * 9})

    assert actual.startswith("10 validation errors detected: ")
    assert 10 == actual.count("failed to satisfy constraint")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (
            {"KeySchema": [{"AttributeName": "a", "KeyType": "x"}]},
            "Value 'x' at 'keySchema.1.member.keyType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [HASH, RANGE]",
        ),
        (
            {"KeySchema": [{"AttributeName": name, "KeyType": "HASH"} for name in "abc"]},
            "Value '[KeySchemaElement(attributeName=a, keyType=HASH), KeySchemaElement(attributeName=b, keyType=HASH), "
            "KeySchemaElement(attributeName=c, keyType=HASH)]' at 'keySchema' failed to satisfy constraint: "
            "Member must have length less than or equal to 2",
        ),
        (
            {"KeySchema": []},
            "Value '[]' at 'keySchema' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        ),
        (
            {"ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 1}},
            "Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ),
        (
            {
                "GlobalSecondaryIndexes": [
                    {"IndexName": "abc", "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}]}
                ]
            },
            "Value null at 'globalSecondaryIndexes.1.member.projection' failed to satisfy constraint: "
            "Member must not be null",
        ),
    ],
)
def test_a_path_is_written_as_aws_writes_it(request_, expected):
    actual = words("CreateTable", {"TableName": "table", **request_})

    assert f"1 validation error detected: {expected}" == actual


def test_structures_in_a_value_are_printed_with_their_members():
    element = {"Create": {"RegionName": "r"}}
    actual = words("UpdateTable", {"TableName": "table", "GlobalTableWitnessUpdates": [element, element]})

    printed = (
        "GlobalTableWitnessGroupUpdate(create=CreateGlobalTableWitnessGroupMemberAction(regionName=r), delete=null)"
    )
    assert (
        f"1 validation error detected: Value '[{printed}, {printed}]' at 'globalTableWitnessUpdates' "
        "failed to satisfy constraint: Member must have length less than or equal to 1"
    ) == actual


def test_an_arn_is_no_violation():
    explain(REQUESTS["GetItem"], {"TableName": "arn:aws:dynamodb:us-east-1:000000000000:table/x", "Key": KEY})


@pytest.mark.parametrize("operation", ["CreateTable", "DescribeTable", "UpdateTable", "DeleteTable"])
def test_operations_on_tables_speak_of_the_name_before_all_else(operation):
    absent = words(operation, {"BillingMode": "x"})
    short = words(operation, {"BillingMode": "x", "TableName": "a;"})

    assert "The parameter 'TableName' is required but was not present in the request" == absent
    assert "TableName must be at least 3 characters long and at most 255 characters long" == short
