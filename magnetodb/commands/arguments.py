"""What the commands of magnetodb-manage share: their command lines, their errors, their progress bars."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from oslo_config import cfg

from magnetodb import conf
from magnetodb.api.auth import NOBODYS_PROJECT


class CommandError(Exception):
    """A command cannot do what it was asked for; the message is a sentence for the operator."""


class Passed(argparse.Action):
    """Gathers the options of magnetodb.conf, wherever they stand between a command's own words."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Keep the option as it was given."""
        given = [f"{option_string}={values}"] if self.nargs is None else [str(option_string)]
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or []), *given])


def command_line(name: str) -> argparse.ArgumentParser:
    """A parser that knows every option of magnetodb.conf; the command adds its own words."""
    parser = argparse.ArgumentParser(prog=f"magnetodb-manage {name}", allow_abbrev=False)
    files = parser.add_argument_group("configuration", "and every option of magnetodb-api")
    for flag in ("--config-file", "--config-dir", "--data-dir"):
        files.add_argument(flag, action=Passed, dest="passed", default=[])
    for option in conf.OPTIONS:
        flag = conf.flag(option)
        if flag == "--data-dir":
            continue
        if isinstance(option, cfg.BoolOpt):
            parser.add_argument(
                flag,
                flag.replace("--", "--no", 1),
                action=Passed,
                dest="passed",
                default=[],
                nargs=0,
                help=argparse.SUPPRESS,
            )
        else:
            parser.add_argument(flag, action=Passed, dest="passed", default=[], help=argparse.SUPPRESS)
    return parser


def with_project(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Adds --project."""
    parser.add_argument(
        "--project",
        default=NOBODYS_PROJECT,
        help="whose tables (default: %(default)s, those of a server without authentication)",
    )
    return parser


def parsed(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> "tuple[argparse.Namespace, cfg.ConfigOpts]":
    """The command's own words, and the configuration. Raises conf.ConfigurationError; a wrong command line ends the
    process with exit code 2 and its usage."""
    words = parser.parse_args(list(arguments))
    return words, conf.configure(words.passed)


class Bar:
    """A progress bar on standard error where that is a terminal, else nothing. A context manager."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Any = None
        self._opened: AbstractContextManager[Any] | None = None
        self._done = 0

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: Any) -> None:
        if self._opened is not None:
            self._opened.__exit__(*error)

    def show(self, done: int, total: int) -> None:
        """So much is done of so much."""
        if self._opened is None:
            if not sys.stderr.isatty():
                return
            import click

            self._opened = click.progressbar(length=max(1, total), label=self._label, file=sys.stderr)
            self._bar = self._opened.__enter__()
        self._bar.update(done - self._done)
        self._done = done


def counted(count: int, noun: str) -> str:
    """1 item, 2 items."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
