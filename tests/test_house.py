"""The house: what the documentation says is there, what CONTRIBUTING.md asks for is kept."""

import ast
import re
import tomllib
from pathlib import Path

import botocore.session
import pytest

from magnetodb.operations import OPERATIONS
from magnetodb.operations.unsupported import UNSUPPORTED
from magnetodb.policies import READ_OPERATIONS

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "magnetodb").rglob("*.py"))
PROGRAMS = [*SOURCES, *sorted((ROOT / "examples").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
DRAWERS = {"base", "common", "helper", "helpers", "misc", "shared", "util", "utils"}


def named(path):
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def dynamodb_operations():
    """The operations of the service model, in its order."""
    return list(botocore.session.get_session().get_service_model("dynamodb").operation_names)


@pytest.fixture(scope="module")
def compatibility():
    return (ROOT / "docs" / "compatibility.md").read_text()


def test_every_operation_of_dynamodb_is_listed_as_served_or_not_yet(dynamodb_operations, compatibility):
    """docs/compatibility.md: change the line of an operation with the operation."""
    listed = re.findall(r"^\| (\w+) \| (served|not yet) \|$", compatibility, re.MULTILINE)

    assert [(name, "served" if name in OPERATIONS else "not yet") for name in dynamodb_operations] == listed
    assert f"of {len(listed)} operations {len(OPERATIONS)} are served" in compatibility


def test_operations_have_dynamodbs_names(dynamodb_operations):
    assert set() == OPERATIONS.keys() - dynamodb_operations
    assert set() == READ_OPERATIONS - set(dynamodb_operations)


def test_an_operations_file_has_its_name_in_snake_case():
    modules = {name: module.__name__.rpartition(".")[2] for name, module in OPERATIONS.items()}

    assert {name: re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in OPERATIONS} == modules


@pytest.mark.parametrize("operation", UNSUPPORTED)
def test_every_member_that_is_refused_is_documented(operation, compatibility):
    lines = [line for line in compatibility.splitlines() if re.match(rf"\|.*\b{operation}\b.*\|.*\|.*\|$", line)]
    documented = {word for line in lines for word in re.findall(r"\w+", line.split("|")[2])}

    assert set() == UNSUPPORTED[operation].keys() - documented


def test_every_dependency_is_pinned():
    """constraints.txt: one version of everything, from whatever index pip is told to use."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {normal(line.partition("==")[0]) for line in lines}
    needed = {normal(name) for name in [*project["dependencies"], *project["optional-dependencies"]["dev"]]}

    assert [] == [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.+!-]+", line)]
    assert set() == needed - pinned


def normal(requirement):
    """The name of a package without its extras and variants of spelling."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())

    assert [] == [link for link in links if not (page.parent / link).exists()]


def test_decisions_are_numbered_and_have_three_parts():
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    texts = [decision.read_text() for decision in decisions]

    assert [f"{number:04d}" for number in range(1, len(decisions) + 1)] == [path.name[:4] for path in decisions]
    assert [f"# {number}. " for number in range(1, len(texts) + 1)] == [text[: text.index(". ") + 2] for text in texts]
    parts = ["Context", "Decision", "Consequences"]
    assert [parts] * len(texts) == [re.findall(r"^## (.*)$", text, re.MULTILINE) for text in texts]


def test_no_module_is_a_drawer():
    assert [] == [named(path) for path in PROGRAMS if DRAWERS & {path.stem, path.parent.name}]


def test_files_are_short():
    lengths = {named(path): len(path.read_text().splitlines()) for path in PROGRAMS}

    assert {} == {name: length for name, length in lengths.items() if length > FILE_LINES_MAX}


def test_functions_are_short():
    long = [
        f"{named(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.end_lineno - node.lineno >= FUNCTION_LINES_MAX
    ]

    assert [] == long


def test_nothing_is_left_for_later():
    """Written apart, so that this file does not find itself."""
    words = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK", "NotImplemented" + "Error"]

    assert [] == places([*PROGRAMS, *TESTS], "|".join(rf"\b{word}\b" for word in words))


def test_tests_neither_mock_nor_sleep():
    assert [] == places(TESTS, r"\bunittest\.mock\b|\bMagic" + r"Mock\b|\bmonkey" + r"patch\b|\btime\.sle" + r"ep\(")


def places(paths, pattern):
    """Where a pattern is found."""
    lines = [(path, number, line) for path in paths for number, line in enumerate(path.read_text().splitlines(), 1)]
    return [f"{named(path)}:{number}" for path, number, line in lines if re.search(pattern, line)]


def test_unit_tests_mirror_the_sources():
    """tests/unit/x/test_y.py tests magnetodb/x/y.py, or the package magnetodb/x/y; what tests more says so here."""
    more = {"tests/unit/expressions/test_hostile_input.py"}
    strangers = [
        named(path)
        for path in sorted((ROOT / "tests" / "unit").rglob("test_*.py"))
        if not mirrored(path.relative_to(ROOT / "tests" / "unit"))
    ]

    assert [] == [name for name in strangers if name not in more]


def mirrored(path):
    name = path.stem.removeprefix("test_")
    directory = ROOT / "magnetodb" / path.parent
    return (directory / f"{name}.py").exists() or (directory / name).is_dir() or directory.name == name
