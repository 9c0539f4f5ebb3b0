"""Every page of docs/api-ref/: its requests are sent in their order, and the answers are those that it prints."""

import json
import re
import time
import urllib.error
import urllib.request
import uuid
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from magnetodb import errors
from magnetodb.operations import OPERATIONS

pytestmark = pytest.mark.data_file

REFERENCE = Path(__file__).parents[2] / "docs" / "api-ref"
CONTENTS = REFERENCE / "README.md"
BLOCK = re.compile(
    r"^(?P<kind>Request|Response)(?:, (?:status (?P<status>\d+)|(?P<operation>\w+)))?:\n\n```json\n(?P<json>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
ANSWER_SECONDS_MAX = 30
NOW_SECONDS = 60


class Sample(NamedTuple):
    """A request, and what is printed of its answer (of that of the songs nothing is, nor of an empty body)."""

    operation: str
    request: dict
    status: int | None
    response: dict | None


def page(operation):
    return REFERENCE / (re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower() + ".md")


def samples(path, operation):
    """The samples of a page in their order."""
    found = []
    for block in BLOCK.finditer(path.read_text()):
        body = json.loads(block["json"] or "null")
        if block["kind"] == "Request":
            found.append(Sample(block["operation"] or operation, body, None, None))
        else:
            found[-1] = found[-1]._replace(status=int(block["status"] or 200), response=body)
    return found


def printed_errors(text):
    """What the table of errors names."""
    rows = re.findall(r"^\| (\w+(?:, \w+)*) \| .+ \|$", text, re.MULTILINE)
    return {name for row in rows for name in row.split(", ")} - {"error", "placeholder"}


@pytest.fixture
def ask(ours, dynamodb_url):
    """ask(sample) -> (status, answer)."""

    def asked(sample):
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{sample.operation}",
        }
        request = urllib.request.Request(dynamodb_url, json.dumps(sample.request).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return asked


def filled_in(printed, answer):
    """What is printed, with the answer's values for the placeholders that fit."""
    if isinstance(printed, dict) and isinstance(answer, dict):
        return {name: filled_in(value, answer.get(name)) for name, value in printed.items()}
    if isinstance(printed, list) and isinstance(answer, list):
        return [
            filled_in(value, answer[position] if position < len(answer) else None)
            for position, value in enumerate(printed)
        ]
    if printed == "<id>" and isinstance(answer, str) and str(uuid.UUID(answer)) == answer:
        return answer
    if printed == "<time>" and isinstance(answer, int | float) and abs(time.time() - answer) < NOW_SECONDS:
        return answer
    return printed


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_samples_of_a_page_are_answered_as_printed(ask, magnetodb_server, operation):
    """Before each request everything has been done that goes on in the background."""
    for sample in samples(CONTENTS, ""):
        status, answer = ask(sample)
        assert 200 == status, answer
    asked = samples(page(operation), operation)

    assert operation in {sample.operation for sample in asked}
    for sample in asked:
        magnetodb_server.move_clock(timedelta(0))
        status, answer = ask(sample)
        assert (sample.status, filled_in(sample.response, answer)) == (status, answer)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_page_says_what_the_operation_does_and_names_the_errors_of_its_samples(operation):
    text = page(operation).read_text()
    title, says = re.match(r"# (\w+)\n\n(.*?)\n\n## ", text, re.DOTALL).groups()
    named = printed_errors(text)
    shown = {sample.response["__type"].rpartition("#")[2] for sample in samples(page(operation), operation)
             if sample.status != 200}  # fmt: skip

    assert operation == title
    assert 2 == len(re.findall(r"\.(?:\s|$)", says))
    assert set() == shown - named
    assert [] == [name for name in named if not hasattr(errors, name)]


def test_the_contents_list_every_page_once():
    text = CONTENTS.read_text()
    listed = re.findall(r"\[(\w+)\]\((\w+\.md)\)", text)

    assert sorted((operation, page(operation).name) for operation in OPERATIONS) == sorted(listed)
    assert {path.name for path in REFERENCE.glob("*.md")} == {name for _, name in listed} | {CONTENTS.name}
    assert [] == [name for name in printed_errors(text) if not hasattr(errors, name)]
