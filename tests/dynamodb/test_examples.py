"""The examples of README.md and examples/README.md, as they stand, print what is said that they print."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:8480"
SECONDS_MAX = 90
COMMANDS = {"python": [sys.executable, "-"], "sh": ["bash", "-e", "-"]}


class Example(NamedTuple):
    """`title` is the heading above it; `printed` is the block behind it."""

    title: str
    language: str
    text: str
    printed: str


def examples(path):
    """Every block of Python or shell that is followed by what it prints."""
    for section in re.split(r"^## ", path.read_text(), flags=re.MULTILINE)[1:]:
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        for (language, text), (next_language, printed) in pairwise(blocks):
            if next_language == "text":
                yield Example(section.splitlines()[0], language, text, printed)


EXAMPLES = [example for name in ("README.md", "examples/README.md") for example in examples(ROOT / name)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_an_example_prints_what_is_said(ours, new_server, example):
    """Each on a server of its own, at another port; programs in examples/ are told which."""
    url = new_server("magnetodb-api").url
    text = re.sub(r"(\.venv/bin/python)( examples/\w+\.py)", rf"{sys.executable}\2 --endpoint-url {url}", example.text)
    if "MAGNETODB_TEST_CASSANDRA" in os.environ:
        text = text.replace("--limit 1000", "--limit 100")
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    run = subprocess.run(
        COMMANDS[example.language],
        input=text.replace(URL, url),
        env={**os.environ, "PATH": paths},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
    )

    assert ("", 0) == (run.stderr, run.returncode)
    assert example.printed == run.stdout[-len(example.printed) :]


def test_every_program_has_an_example():
    programs = {path.name for path in (ROOT / "examples").glob("*.py")}

    assert programs == {example.title for example in EXAMPLES if example.title.endswith(".py")}
