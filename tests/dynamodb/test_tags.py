"""Tags of tables: TagResource, UntagResource, ListTagsOfResource, and Tags of CreateTable."""

import json

import pytest


@pytest.fixture
def arn_of(client):
    return lambda table: client.describe_table(TableName=table)["Table"]["TableArn"]


@pytest.fixture
def tags_of(client, arn_of):
    """tags_of(table) -> all its tags as a dict, whatever the pages are."""

    def tags(table):
        pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn_of(table))
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}

    return tags


def given(**tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def test_a_new_table_has_the_tags_that_it_was_created_with(create_table, tags_of):
    tagged = create_table(Tags=given(owner="ada", stage="test"))
    bare = create_table()

    assert ({"owner": "ada", "stage": "test"}, {}) == (tags_of(tagged), tags_of(bare))


def test_a_tag_with_a_known_key_takes_the_new_value(client, create_table, arn_of, tags_of):
    table = create_table(Tags=given(owner="ada", stage="test"))
    client.tag_resource(ResourceArn=arn_of(table), Tags=given(owner="grace", cost="low"))

    assert {"owner": "grace", "stage": "test", "cost": "low"} == tags_of(table)


def test_tags_leave_by_their_keys_and_unknown_keys_are_no_error(client, create_table, arn_of, tags_of):
    table = create_table(Tags=given(owner="ada", stage="test"))
    client.untag_resource(ResourceArn=arn_of(table), TagKeys=["stage", "never-there"])

    assert {"owner": "ada"} == tags_of(table)


def test_keys_and_values_may_be_of_every_script_and_values_empty(create_table, tags_of):
    tags = {"Größe + - = . _ : / @": "大 きい", "empty": "", "k" * 128: "v" * 256}

    assert tags == tags_of(create_table(Tags=given(**tags)))


def test_tags_go_with_their_table(client, create_table, tags_of):
    table = create_table(Tags=given(owner="ada"))
    described = client.describe_table(TableName=table)["Table"]
    client.delete_table(TableName=table)
    client.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
    members = {name: described[name] for name in ("TableName", "AttributeDefinitions", "KeySchema")}
    client.create_table(**members, BillingMode="PAY_PER_REQUEST")

    assert {} == tags_of(table)


def test_fifty_tags_come_in_pages_and_one_more_is_refused(client, create_table, arn_of, tags_of, refusal):
    tags = {f"key-{number:02}": str(number) for number in range(50)}
    table = create_table(Tags=given(**tags))
    refused = refusal(client.tag_resource, ResourceArn=arn_of(table), Tags=given(more="x"))
    client.tag_resource(ResourceArn=arn_of(table), Tags=given(**{"key-49": "new"}))

    assert ("ValidationException", "Number of Tags exceed the current limit for the provided ResourceArn") == refused
    assert tags | {"key-49": "new"} == tags_of(table)
    assert "NextToken" in client.list_tags_of_resource(ResourceArn=arn_of(table))


def test_tags_that_leave_between_two_pages_hide_no_other(client, create_table, arn_of):
    table = create_table(Tags=given(**{f"key-{number:02}": "x" for number in range(50)}))
    arn = arn_of(table)
    first = client.list_tags_of_resource(ResourceArn=arn)
    client.untag_resource(ResourceArn=arn, TagKeys=["key-03", "key-04"])
    second = client.list_tags_of_resource(ResourceArn=arn, NextToken=first["NextToken"])

    assert [f"key-{number:02}" for number in range(50)] == [tag["Key"] for tag in first["Tags"] + second["Tags"]]


def test_a_token_that_was_never_given_is_refused(client, create_table, arn_of, refusal):
    arn = arn_of(create_table())

    for token in ("", "nonsense", "MQ==", "é"):
        assert "ValidationException" == refusal(client.list_tags_of_resource, ResourceArn=arn, NextToken=token)[0]


@pytest.mark.parametrize("key", ["aws:owner", "AWS:owner", "a*b", "k#"])
def test_keys_that_users_may_not_give(client, create_table, arn_of, tags_of, refusal, key):
    table = create_table()
    refused = refusal(client.tag_resource, ResourceArn=arn_of(table), Tags=given(fine="x", **{key: "x"}))

    assert "ValidationException" == refused[0]
    assert {} == tags_of(table)


def test_a_key_is_given_once(client, create_table, arn_of, refusal):
    refused = refusal(client.tag_resource, ResourceArn=arn_of(create_table()), Tags=given(a="x") + given(a="y"))

    assert "ValidationException" == refused[0]


def test_lengths_are_checked(client, create_table, arn_of, refusal):
    refused = refusal(client.tag_resource, ResourceArn=arn_of(create_table()), Tags=given(**{"k" * 129: "x"}))

    assert (
        "ValidationException",
        f"1 validation error detected: Value '{'k' * 129}' at 'tags.1.member.key' failed to satisfy constraint: "
        "Member must have length less than or equal to 128",
    ) == refused


def test_an_empty_list_of_tags_or_keys_is_refused(client, create_table, arn_of, refusal):
    arn = arn_of(create_table())

    assert (
        "ValidationException",
        "Atleast one Tag needs to be provided as Input.",
    ) == refusal(client.tag_resource, ResourceArn=arn, Tags=[])
    assert (
        "ValidationException",
        "Atleast one Tag Key needs to be provided as Input.",
    ) == refusal(client.untag_resource, ResourceArn=arn, TagKeys=[])


@pytest.mark.parametrize("arn", ["orders", "arn:aws:dynamodb:us-east-1", "arn:aws:s3:::bucket"])
def test_what_is_no_arn_of_a_table_is_refused(client, refusal, arn):
    refused = refusal(client.list_tags_of_resource, ResourceArn=arn)

    assert ("ValidationException", f"Invalid TableArn: Invalid ResourceArn provided as input {arn}") == refused


def test_a_table_that_is_not_there_is_not_found(client, create_table, arn_of, refusal):
    arn = arn_of(create_table()) + "-other"
    wanted = ("ResourceNotFoundException", f"Requested resource not found: ResourcArn: {arn} not found")

    assert wanted == refusal(client.list_tags_of_resource, ResourceArn=arn)
    assert wanted == refusal(client.tag_resource, ResourceArn=arn, Tags=given(a="x"))
    assert wanted == refusal(client.untag_resource, ResourceArn=arn, TagKeys=["a"])


def test_the_arn_is_looked_at_before_the_tags(client, refusal):
    refused = ("ValidationException", "Invalid TableArn: Invalid ResourceArn provided as input abc")

    assert refused == refusal(client.tag_resource, ResourceArn="abc", Tags=[])
    assert refused == refusal(client.untag_resource, ResourceArn="abc", TagKeys=[])


def test_tagging_is_answered_by_an_empty_body(wire, create_table, arn_of):
    tagging = {"ResourceArn": arn_of(create_table()), "Tags": given(owner="ada")}

    status, headers, body = wire.exchange(wire.request("TagResource", body=json.dumps(tagging).encode()))

    assert (200, b"", "0") == (status, body, headers["x-amz-crc32"])
