"""Every option, with its help. An option is read from the first place that has it: the command line
(`--bind-port 9000`), the environment (`MAGNETODB_BIND_PORT=9000`), a configuration file (`bind_port = 9000`).

Nobody below wsgi.py and commands/ sees this; they pass values.
"""

import argparse
import difflib
import glob
import os
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from oslo_config import cfg

import magnetodb

ConfigurationError = cfg.Error

ENVIRONMENT_PREFIX: Final = "MAGNETODB_"
PROJECT: Final = "magnetodb"
HELP_COLUMNS: Final = 100

TESTS_PREFIX: Final = "MAGNETODB_TEST_"
"""Variables of our own tests; the programs do not read them."""

ORCHESTRATOR_VARIABLE: Final = re.compile(
    r"(.+_)?(SERVICE_(HOST|PORT(_.+)?)|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
"""What Kubernetes and Docker's links set, after the prefix, for a service that is called magnetodb or magnetodb-..."""

ORCHESTRATOR_ADDRESS: Final = re.compile("(tcp|udp|sctp)://")
"""What their variables that are named like ours begin with: MAGNETODB_PORT=tcp://10.0.0.1:8480."""

OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt(
        "bind-host",
        default="127.0.0.1",
        help="Address to listen on. With auth = none only an address of the loopback interface is accepted.",
    ),
    cfg.PortOpt("bind-port", default=8480, help="Port to listen on. 0: any free port; it is printed at the start."),
    cfg.StrOpt(
        "storage",
        default="sqlite",
        choices=[
            ("sqlite", "a file of this machine (data_dir), for one server"),
            ("cassandra", "a Cassandra cluster (cassandra_contact_points and so on), for any number of servers"),
        ],
        help="Where the data is.",
    ),
    cfg.StrOpt(
        "data-dir",
        default="data",
        help="Directory of the data file; it is made if it is not there. One server at a time owns it.",
    ),
    cfg.BoolOpt(
        "memory",
        default=False,
        help="Keep the data in memory (in a directory of /dev/shm if that has room, else among the temporary files) "
        "and remove it when the server ends. For tests; data_dir and durability count for nothing then.",
    ),
    cfg.IntOpt(
        "workers",
        default=1,
        min=1,
        max=64,
        help="Processes that answer requests, behind one port and on one data file: magnetodb-api only. One process "
        "uses one processor core; more than there are cores gain nothing. With several a supervisor starts them, and "
        "another one in place of each that dies. Whatever this says there is one with memory and with "
        "inject_failures, which are kept in the memory of one process.",
    ),
    cfg.ListOpt(
        "cassandra-contact-points",
        default=["127.0.0.1"],
        sample_default="10.0.0.1,10.0.0.2,10.0.0.3",
        help="Addresses of some nodes of the cluster, separated by commas; the others are found through any of them. "
        "This and the following are for storage = cassandra only.",
    ),
    cfg.PortOpt("cassandra-port", default=9042, help="Port on which all nodes listen for clients."),
    cfg.StrOpt(
        "cassandra-keyspace",
        default="magnetodb",
        regex="^[a-z][a-z0-9_]{0,47}$",
        help="Keyspace of this service: of several services on one cluster, each has its own.",
    ),
    cfg.ListOpt(
        "cassandra-replication",
        default=[],
        sample_default="dc1:3,dc2:3",
        help="Copies of the data by data centre, DATA_CENTRE:COPIES separated by commas, for a keyspace that is to be "
        "made. Empty: three in the local data centre, or as many as it has nodes. An existing keyspace is changed by "
        "ALTER KEYSPACE and a repair.",
    ),
    cfg.StrOpt(
        "cassandra-local-dc",
        default="",
        help="The data centre that is asked, and in which a majority of copies decides. Empty: that of the contact "
        "point which answers first, for clusters that have one.",
    ),
    cfg.StrOpt("cassandra-username", default="", help="User, where the cluster asks for one. Empty: none."),
    cfg.StrOpt(
        "cassandra-password",
        default="",
        secret=True,
        help="Its password. Give it in a file or in the environment: a command line can be read by every user of the "
        "machine.",
    ),
    cfg.StrOpt(
        "cassandra-tls-ca",
        default="",
        help="File with the certificates by which the nodes are known. Empty: connections are not encrypted.",
    ),
    cfg.StrOpt(
        "cassandra-tls-cert",
        default="",
        help="File with this server's own certificate and its key, where the cluster asks for one. Empty: none.",
    ),
    cfg.BoolOpt(
        "cassandra-tls-verify-names",
        default=True,
        help="Whether a node's certificate must name its address.",
    ),
    cfg.StrOpt(
        "cassandra-read-consistency",
        default="local_one",
        choices=[
            ("local_one", "one copy is asked: fastest, and may be behind for a moment, as DynamoDB's such reads may"),
            ("local_quorum", "a majority of the local data centre's copies, as for consistent reads"),
        ],
        help="How reads are made that need not be consistent.",
    ),
    cfg.BoolOpt(
        "cassandra-create-schema",
        default=False,
        help="Make the keyspace and its tables at the start if they are not there, as `magnetodb-manage cassandra "
        "setup` does.",
    ),
    cfg.FloatOpt(
        "cassandra-request-timeout",
        default=10.0,
        min=1.0,
        max=60.0,
        help="Seconds after which an answer of the cluster is no longer waited for. More than the nodes' own timeouts, "
        "which say more precisely what happened. All servers of one keyspace must have the same.",
    ),
    cfg.IntOpt(
        "cassandra-in-flight-max",
        default=1024,
        min=16,
        max=8_192,  # Steps of something begun may double it, and a connection has numbers for 32,768.
        help="Requests that may be under way to the cluster at once; more are refused as throttled.",
    ),
    cfg.StrOpt(
        "auth",
        default="none",
        choices=[
            ("none", "any credentials or none are accepted, and everybody sees the same tables"),
            ("sigv4", "requests must be signed (AWS Signature Version 4) with one of access_keys"),
        ],
        help="Who may ask.",
    ),
    cfg.ListOpt(
        "access-keys",
        default=[],
        secret=True,
        sample_default="EXAMPLEKEY:examplesecret:orders:member,EXAMPLEREADER:anothersecret:orders:reader",
        help="Keys that auth = sigv4 accepts, separated by commas: KEY_ID:SECRET:PROJECT:ROLE, or with a session token "
        "KEY_ID:SECRET:PROJECT:ROLE:TOKEN. A project sees its own tables only. Roles: admin and member may run every "
        "operation, reader those that only read. Give them in a file or in the environment: a command line can be read "
        "by every user of the machine.",
    ),
    cfg.BoolOpt(
        "allow-anonymous-remote",
        default=False,
        help="Listen on an address that other machines reach although auth = none: whoever reaches it can read, change "
        "and delete everything.",
    ),
    cfg.StrOpt(
        "region",
        default="us-east-1",
        regex="^[a-z0-9-]{1,32}$",
        help="Region in ARNs. With auth = sigv4 requests must be signed for it.",
    ),
    cfg.StrOpt("account-id", default="000000000000", regex="^[0-9]{12}$", help="Account id in ARNs: 12 digits."),
    cfg.StrOpt(
        "durability",
        default="full",
        choices=[
            ("full", "when it has reached the disk (fsync): it survives a power loss"),
            ("relaxed", "when the operating system has it: it survives kill -9; a power loss may take the last ones"),
        ],
        help="When a write is acknowledged.",
    ),
    cfg.BoolOpt(
        "run-jobs",
        default=True,
        help="Do the background work (filling new indexes, deleting expired items, counting) in this process. Without "
        "it another process must, such as magnetodb-worker; until then new indexes stay CREATING and nothing expires.",
    ),
    cfg.FloatOpt(
        "expiry-interval",
        default=10.0,
        min=0.05,
        help="Seconds between two looks for items that have expired (UpdateTimeToLive). Until then they can be read.",
    ),
    cfg.IntOpt(
        "connections-max",
        default=1000,
        min=1,
        max=100_000,
        help="Clients at once. Above it an idle connection is closed for a new one; the system's limit of open files "
        "is respected. magnetodb-api only; gunicorn has its own options.",
    ),
    cfg.FloatOpt(
        "request-timeout",
        default=60.0,
        min=1.0,
        help="Seconds in which a request must have come completely, and in which its answer must be taken: "
        "magnetodb-api only. Under gunicorn, seconds after which a request that has come is given up.",
    ),
    cfg.FloatOpt(
        "idle-timeout",
        default=120.0,
        min=1.0,
        help="Seconds after which a connection without a request is closed. magnetodb-api only.",
    ),
    cfg.FloatOpt(
        "stop-timeout",
        default=30.0,
        min=0.0,
        help="Seconds that requests in hand may take after SIGTERM. magnetodb-api only.",
    ),
    cfg.StrOpt(
        "metrics",
        default="loopback",
        choices=[
            ("loopback", "requests that come from this machine; behind a proxy on it, everybody who may ask the proxy"),
            ("everybody", "whoever reaches the server"),
            ("nobody", "there is no such page"),
        ],
        help="Who may read GET /metrics. It names projects, tables and indexes, and needs no signature.",
    ),
    cfg.StrOpt(
        "request-log",
        default="",
        help="File to which a line of JSON is appended for each request: its id, operation, table, user, status, "
        'error, microseconds and bytes; no keys, no values. "-": standard error. Empty: no such log.',
    ),
    cfg.BoolOpt(
        "enforce-throughput",
        default=False,
        help="Refuse requests that exceed the provisioned throughput of a table or global index with "
        "ProvisionedThroughputExceededException, as DynamoDB does, with its burst of 300 seconds of unused capacity.",
    ),
    cfg.ListOpt(
        "inject-failures",
        default=[],
        sample_default="TransactWriteItems:TransactionConflict:3,*:ThrottlingException:10",
        help="For tests of retries: the next COUNT calls of an operation (*: of any) fail, and have no effect. "
        "OPERATION:ERROR:COUNT, separated by commas. Errors: TransactionConflict, ThrottlingException, "
        "ProvisionedThroughputExceededException, RequestLimitExceeded, InternalServerError.",
    ),
    cfg.StrOpt(
        "log-level",
        default="warning",
        choices=["debug", "info", "warning", "error"],
        help="Messages of this level and above are written to standard error.",
    ),
]


def configure(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> cfg.ConfigOpts:
    """The options' values. Files: --config-file, or MAGNETODB_CONFIG_FILE, or else magnetodb.conf in ~/.magnetodb, ~
    or /etc/magnetodb.

    Raises ConfigurationError where a file or a value is wrong, and where a file or the environment has a name that no
    option has; a wrong flag ends the process with the usage.
    """
    environment = os.environ if environment is None else environment
    files, others = split_files(arguments)
    if not files and ENVIRONMENT_PREFIX + "CONFIG_FILE" in environment:
        files = ["--config-file", environment[ENVIRONMENT_PREFIX + "CONFIG_FILE"]]
    check_environment(environment)
    check_flags(others)
    configuration = cfg.ConfigOpts()
    configuration.register_cli_opts(OPTIONS)
    for file in files_read(files):
        check_file(file)
    configuration(
        [*files, *flags(environment), *others],
        project=PROJECT,
        version=magnetodb.__version__,
        use_env=False,
        default_config_files=default_files(),
        default_config_dirs=default_directories(),
    )
    for option in OPTIONS:
        configuration[option.dest]  # Values with $references are checked when they are read.
    return configuration


def check_environment(environment: Mapping[str, str]) -> None:
    """Raise ConfigurationError where a variable is not known, or has a wrong value."""
    options = {variable(option): option for option in OPTIONS}
    for name, value in sorted(environment.items()):
        if name in options:
            check_value(name, options[name], value)
        elif name.startswith(ENVIRONMENT_PREFIX) and not is_of_others(name, value):
            raise cfg.Error(f"There is no option of the environment variable {name}.{suggestion(name, options)}")


def is_of_others(name: str, value: str) -> bool:
    """Whether a variable with our prefix is none of our options, and rightly so."""
    return (
        name == ENVIRONMENT_PREFIX + "CONFIG_FILE"
        or name.startswith(TESTS_PREFIX)
        or ORCHESTRATOR_VARIABLE.fullmatch(name.removeprefix(ENVIRONMENT_PREFIX)) is not None
        or (name.endswith("PORT") and ORCHESTRATOR_ADDRESS.match(value) is not None)
    )


def check_flags(arguments: Sequence[str]) -> None:
    """Raise ConfigurationError where a flag has a wrong value. Unknown flags are found later."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    options = [option for option in OPTIONS if not isinstance(option, cfg.BoolOpt)]
    for option in options:
        parser.add_argument(flag(option), action="append", nargs="?", dest=option.dest, default=[])
    known, _ = parser.parse_known_args(list(arguments))
    for option in options:
        for value in getattr(known, option.dest):
            if value is not None:
                check_value(flag(option), option, value)


def files_read(files: Sequence[str]) -> list[str]:
    """The paths of all files that count, where `files` are the flags that name some."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-file", action="append")
    parser.add_argument("--config-dir", action="append")
    known = parser.parse_args(list(files))
    paths = default_files() if known.config_file is None else known.config_file
    directories = default_directories() if known.config_dir is None else known.config_dir
    for directory in directories:
        paths = [*paths, *sorted(glob.glob(os.path.join(os.path.expanduser(directory), "*.conf")))]
    return [os.path.expanduser(path) for path in paths]


def default_files() -> list[str]:
    """magnetodb.conf, whatever the program is called: under gunicorn a gunicorn.conf in /etc is not ours."""
    return list(dict.fromkeys(cfg.find_config_files(project=PROJECT, prog=PROJECT)))


def default_directories() -> list[str]:
    """magnetodb.conf.d, in the same places."""
    return list(dict.fromkeys(cfg.find_config_dirs(project=PROJECT, prog=PROJECT)))


def check_file(path: str) -> None:
    """Raise ConfigurationError where a file has a section or an option that is not known, or a wrong value. A file that
    cannot be read is reported later, by who reads it."""
    sections: dict[str, dict[str, list[str]]] = {}
    try:
        cfg.ConfigParser(path, sections).parse()
    except (OSError, UnicodeDecodeError, cfg.ParseError):
        return
    options = {name: option for option in OPTIONS for name in (option.dest, option.name)}
    for section, values in sections.items():
        if section.upper() != "DEFAULT":
            raise cfg.Error(f"{path}: there is no section [{section}]; all options belong to [DEFAULT].")
        for name, given in values.items():
            if name not in options:
                raise cfg.Error(f"{path}: there is no option {name}.{suggestion(name, options)}")
            for value in given:
                check_value(f"{path}: {name}", options[name], value)


def check_value(place: str, option: cfg.Opt, value: str) -> None:
    """Raise ConfigurationError, which names the place, where an option cannot have the value."""
    if "$" in value or (isinstance(option, cfg.BoolOpt) and not value):
        return  # A $reference to another option can only be checked when it is read; an empty yes or no is a no.
    try:
        option.type(value)
    except ValueError as error:
        raise cfg.Error(f"{place} cannot be '{value}': {error}") from None


def suggestion(name: str, known: Iterable[str]) -> str:
    """A sentence with the name that was probably meant, or nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    return f" Is {close[0]} meant?" if close else " `magnetodb-manage config sample` prints all options."


def split_files(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The flags that name files, and all others. Of oslo.config's sources the later one wins, so files go first."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    names = ("--config-file", "--config-dir")
    for name in names:
        parser.add_argument(name, action="append", default=[])
    known, others = parser.parse_known_args(list(arguments))
    named = zip(names, (known.config_file, known.config_dir), strict=True)
    return [f"{name}={value}" for name, values in named for value in values], others


def flags(environment: Mapping[str, str]) -> list[str]:
    """The environment's options as flags, so that the command line's, which come later, win."""
    result = []
    for option in OPTIONS:
        value = environment.get(variable(option))
        if value is None:
            continue
        if isinstance(option, cfg.BoolOpt):
            result.append(flag(option) if value and option.type(value) else flag(option).replace("--", "--no", 1))
        else:
            result.append(f"{flag(option)}={value}")
    return result


def flag(option: cfg.Opt) -> str:
    """Its name on the command line."""
    return f"--{option.name}"


def variable(option: cfg.Opt) -> str:
    """Its name in the environment."""
    return ENVIRONMENT_PREFIX + str(option.dest).upper()


def sample() -> str:
    """The text of etc/magnetodb/magnetodb.conf.sample: every option with its help, commented out."""
    lines = [
        "# Configuration of MagnetoDB. Made by `magnetodb-manage config sample`; do not edit.",
        "# Every option is also a flag and an environment variable; those win over a file. A name that no",
        "# option has is refused at the start, in a file, in the environment and on the command line.",
        "",
        "[DEFAULT]",
    ]
    for option in OPTIONS:
        lines += ["", *(f"# {line}" for line in textwrap.wrap(option.help, HELP_COLUMNS))]
        for value, meaning in choices(option):
            lines.append(f"#   {value}: {meaning}" if meaning else f"#   {value}")
        lines.append(f"# {flag(option)}, {variable(option)}")
        lines.append(f"#{option.dest} = {shown_default(option)}")
    return "\n".join(lines) + "\n"


def choices(option: cfg.Opt) -> list[tuple[str, Any]]:
    """Values and meanings, where there are only some."""
    return list((getattr(option.type, "choices", None) or {}).items())


def shown_default(option: cfg.Opt) -> str:
    """As a file has it."""
    value = option.sample_default if option.sample_default is not None else option.default
    return str(value).lower() if isinstance(value, bool) else str(value)
