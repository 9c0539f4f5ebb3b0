"""The plugin, in pytest runs of its own. pytest finds it as it does anywhere: by the package's entry point."""

import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[3] / "docs" / "testing_with_magnetodb.md"

NAMESPACE_SECONDS_MAX = 0.005
NAMESPACES = 200
RUN_SECONDS_MAX = 100

TABLE = """
import pytest

@pytest.fixture
def table(dynamodb_client):
    dynamodb_client.create_table(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "orders"
"""


@pytest.fixture
def run(pytester):
    """run(test module, *arguments, alone=False) -> the result of pytest; `alone`: in a process of its own."""

    def tests(text, *arguments, alone=False):
        pytester.makeconftest(TABLE)
        pytester.makepyfile(text)
        arguments = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments)
        if alone:
            return pytester.runpytest_subprocess(*arguments, timeout=RUN_SECONDS_MAX)
        return pytester.runpytest_inprocess(*arguments)

    return tests


def test_a_namespace_costs_less_than_five_milliseconds(magnetodb_server, figures):
    seconds = []
    for _ in range(NAMESPACES):
        began = perf_counter()
        magnetodb_server.drop_namespace(magnetodb_server.open_namespace())
        seconds.append(perf_counter() - began)
    figures(f"pytest plugin: a namespace takes {median(seconds) * 1000:.2f} ms (median of {NAMESPACES})")

    assert median(seconds) < NAMESPACE_SECONDS_MAX


def test_tests_see_nothing_of_each_other(run):
    """The same names, in two processes; each test finds an empty service and an own address."""
    result = run(
        """
        import pytest
        from pathlib import Path

        @pytest.mark.parametrize("number", range(8))
        def test_it_is_empty_at_first(dynamodb_client, dynamodb_resource, dynamodb_url, number):
            assert dynamodb_client.list_tables()["TableNames"] == []
            assert dynamodb_client.meta.endpoint_url == dynamodb_resource.meta.client.meta.endpoint_url == dynamodb_url

        @pytest.mark.parametrize("number", range(8))
        def test_what_is_put_is_there(dynamodb_client, dynamodb_resource, table, number):
            dynamodb_client.put_item(TableName=table, Item={"id": {"S": f"{number}"}})
            assert dynamodb_resource.Table(table).scan()["Items"] == [{"id": f"{number}"}]
        """,
        "-n2",
        alone=True,
    )

    result.assert_outcomes(passed=16)


def test_any_credentials_and_regions_see_a_tests_tables(run):
    result = run(
        """
        import boto3

        def test_another_client(dynamodb_url, table):
            client = boto3.client("dynamodb", "eu-west-3", endpoint_url=dynamodb_url,
                                  aws_access_key_id="other", aws_secret_access_key="keys")
            assert client.list_tables()["TableNames"] == [table]
        """
    )

    result.assert_outcomes(passed=1)


def test_a_client_of_the_programs_own_finds_the_tests_tables(run):
    result = run(
        """
        import os
        import boto3

        BEFORE = dict(os.environ)

        def test_by_the_environment(dynamodb_environment, dynamodb_url, table):
            assert dynamodb_environment == dynamodb_url
            assert boto3.client("dynamodb").list_tables()["TableNames"] == [table]

        def test_the_environment_is_as_before():
            assert {n: v for n, v in os.environ.items() if n != "PYTEST_CURRENT_TEST"} == {
                n: v for n, v in BEFORE.items() if n != "PYTEST_CURRENT_TEST"}
        """
    )

    result.assert_outcomes(passed=2)


def test_a_test_moves_the_time_and_items_expire(run):
    result = run(
        """
        import time
        import pytest

        def test_an_hour_passes(dynamodb_clock, dynamodb_client, table):
            expires = int(dynamodb_clock.time()) + 3600
            for number in range(300):
                item = {"id": {"S": f"{number}"}, "expires": {"N": str(expires + number % 2 * 3600)}}
                dynamodb_client.put_item(TableName=table, Item=item)
            dynamodb_client.update_time_to_live(
                TableName=table, TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True})

            dynamodb_clock.move(minutes=61)
            assert dynamodb_client.scan(TableName=table)["Count"] == 150

            dynamodb_clock.move(hours=1)
            assert dynamodb_client.scan(TableName=table)["Count"] == 0

        def test_it_is_now_again(dynamodb_clock):
            assert abs(dynamodb_clock.now().timestamp() - time.time()) < 60

        def test_the_past_is_past(dynamodb_clock):
            with pytest.raises(ValueError):
                dynamodb_clock.move(days=-1)
        """
    )

    result.assert_outcomes(passed=3)


def test_data_may_be_in_a_temporary_file_and_the_server_have_options(pytester, run):
    """The file stays for as long as pytest keeps the temporary directories of a run."""
    pytester.makeini("[pytest]\nmagnetodb_storage = file\nmagnetodb_options = --account-id 123456789012")
    result = run(
        """
        def test_arn(dynamodb_client, table):
            arn = dynamodb_client.describe_table(TableName=table)["Table"]["TableArn"]
            assert arn == "arn:aws:dynamodb:us-east-1:123456789012:table/orders"
        """,
        f"--basetemp={pytester.path / 'temporary'}",
    )

    result.assert_outcomes(passed=1)
    assert (pytester.path / "temporary" / "magnetodb0" / "magnetodb.sqlite").exists()


@pytest.mark.parametrize(
    ("ini", "sentence"),
    [
        ("magnetodb_storage = clay", "*magnetodb_storage is 'clay'; it must be memory or file.*"),
        ("magnetodb_options = --inject-failures nonsense", "*dynamodb fixtures cannot start: inject_failures*"),
    ],
)
def test_a_wrong_setting_is_told(pytester, run, ini, sentence):
    pytester.makeini(f"[pytest]\n{ini}")
    result = run("def test_one(dynamodb_url): pass")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([sentence])


def test_without_boto3_the_fixtures_that_need_it_say_so(pytester, run):
    pytester.makepyfile(boto3="raise ModuleNotFoundError('no boto3 here')")
    result = run(
        """
        def test_client(dynamodb_client): pass
        def test_url(dynamodb_url): assert dynamodb_url.startswith("http://127.0.0.1:")
        """,
        alone=True,
    )

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*need boto3 (no boto3 here): pip install boto3*"])


def test_a_run_that_uses_no_fixture_loads_nothing():
    """Of the service: not its modules, not what they need."""
    program = (
        "import sys, magnetodb.testing.pytest_plugin;"
        "print(sorted({name for name in sys.modules if name.startswith('magnetodb')}"
        " | {'boto3', 'falcon', 'oslo_config', 'orjson', 'uvloop', 'asyncio'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", f"import pytest;{program}"], capture_output=True, text=True)

    assert "['magnetodb', 'magnetodb.testing', 'magnetodb.testing.pytest_plugin']\n" == loaded.stdout, loaded.stderr


def test_the_plugin_can_be_left_out(run):
    result = run("def test_one(dynamodb_url): pass", "-p", "no:magnetodb")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'dynamodb_url' not found*"])


def test_the_examples_of_the_documentation_pass(pytester):
    """Each block of Python in docs/testing_with_magnetodb.md is a module of tests."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    pytester.makepyfile(**{f"test_{number}": block for number, block in enumerate(blocks)})
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest")

    result.assert_outcomes(passed=len(blocks))


def test_nothing_of_a_run_is_left_behind(pytester, run):
    """Its data in memory goes with it."""
    result = run(
        """
        from pathlib import Path

        def test_one(magnetodb_server, table):
            Path("directory").write_text(str(magnetodb_server.data_directory))
        """
    )

    result.assert_outcomes(passed=1)
    assert not os.path.exists((pytester.path / "directory").read_text())
