"""Where options come from, and the sample file."""

import re
from pathlib import Path

import pytest

from magnetodb import conf

SAMPLE = Path(__file__).parents[2] / "etc" / "magnetodb" / "magnetodb.conf.sample"


def test_the_sample_file_is_what_the_options_generate():
    """If not: magnetodb-manage config sample > etc/magnetodb/magnetodb.conf.sample"""
    assert conf.sample() == SAMPLE.read_text()


def test_without_any_file_the_defaults_serve_this_machine():
    configuration = conf.configure([], {})

    assert ("127.0.0.1", 8480, "data", "none") == (
        configuration.bind_host,
        configuration.bind_port,
        configuration.data_dir,
        configuration.auth,
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, 1),
        ([], {"MAGNETODB_BIND_PORT": "2"}, 2),
        (["--bind-port", "3"], {"MAGNETODB_BIND_PORT": "2"}, 3),
        (["--bind-port=3"], {}, 3),
    ],
)
def test_the_command_line_wins_over_the_environment_and_that_over_a_file(arguments, environment, expected, tmp_path):
    file = tmp_path / "magnetodb.conf"
    file.write_text("[DEFAULT]\nbind_port = 1\n")

    configuration = conf.configure([*arguments, "--config-file", str(file)], environment)

    assert expected == configuration.bind_port


@pytest.mark.parametrize("option", conf.OPTIONS, ids=lambda option: option.dest)
def test_every_option_is_a_flag_and_a_variable_and_explained(option):
    text = conf.sample()

    assert option.help
    assert f"# {conf.flag(option)}, {conf.variable(option)}\n#{option.dest} = " in text


def test_the_environment_can_say_yes_and_no():
    said = [
        conf.configure([], {"MAGNETODB_ALLOW_ANONYMOUS_REMOTE": value}).allow_anonymous_remote
        for value in ("true", "false", "1", "")
    ]

    assert [True, False, True, False] == said


def test_neither_yes_nor_no_is_an_error():
    with pytest.raises(conf.ConfigurationError, match="MAGNETODB_ALLOW_ANONYMOUS_REMOTE"):
        conf.configure([], {"MAGNETODB_ALLOW_ANONYMOUS_REMOTE": "perhaps"})


def test_a_wrong_value_is_found_at_the_start_and_its_place_is_named(tmp_path):
    file = tmp_path / "magnetodb.conf"
    file.write_text("[DEFAULT]\ndurability = perhaps\n")

    with pytest.raises(conf.ConfigurationError, match=r"magnetodb\.conf: durability cannot be 'perhaps'.*full"):
        conf.configure(["--config-file", str(file)], {})
    with pytest.raises(conf.ConfigurationError, match=r"^MAGNETODB_BIND_PORT cannot be 'http'"):
        conf.configure([], {"MAGNETODB_BIND_PORT": "http"})
    with pytest.raises(conf.ConfigurationError, match=r"^--bind-port cannot be '65536'"):
        conf.configure(["--bind-port", "65536"], {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[DEFAULT]\nbind_prt = 1\n", "there is no option bind_prt. Is bind_port meant?"),
        ("[DEFAULT]\nBIND_PORT = 1\n", "there is no option BIND_PORT."),
        ("[api]\nbind_port = 1\n", "there is no section [api]"),
    ],
)
@pytest.mark.parametrize("named", ["--config-file", "--config-dir", "MAGNETODB_CONFIG_FILE"])
def test_a_name_in_a_file_that_no_option_has_is_refused(named, text, message, tmp_path):
    file = tmp_path / "magnetodb.conf"
    file.write_text(text)
    arguments = [] if named.startswith("M") else [named, str(tmp_path if named.endswith("dir") else file)]

    with pytest.raises(conf.ConfigurationError, match=re.escape(f"{file}: {message}")):
        conf.configure(arguments, {} if arguments else {named: str(file)})


@pytest.mark.parametrize("name", ["MAGNETODB_BIND_PRT", "MAGNETODB_PORT", "MAGNETODB_CONFIG_DIR", "MAGNETODB_DATA-DIR"])
def test_a_variable_that_no_option_has_is_refused(name):
    with pytest.raises(conf.ConfigurationError, match=f"no option of the environment variable {name}"):
        conf.configure([], {name: "1"})


def test_variables_of_others_are_left_alone():
    environment = {
        "PATH": "/bin",
        "MAGNETODB": "yes",
        "MAGNETODB_TEST_FUZZ": "1",
        "MAGNETODB_SERVICE_HOST": "10.0.0.1",
        "MAGNETODB_SERVICE_PORT": "8480",
        "MAGNETODB_SERVICE_PORT_HTTP": "8480",
        "MAGNETODB_PORT": "tcp://10.0.0.1:8480",
        "MAGNETODB_PORT_8480_TCP": "tcp://10.0.0.1:8480",
        "MAGNETODB_PORT_8480_TCP_ADDR": "10.0.0.1",
        "MAGNETODB_API_SERVICE_HOST": "10.0.0.1",
        "MAGNETODB_API_PORT": "tcp://10.0.0.1:8480",
    }

    assert 8480 == conf.configure([], environment).bind_port


def test_no_more_calls_may_be_under_way_than_a_connection_has_numbers_for():
    assert 8192 == conf.configure(["--cassandra-in-flight-max", "8192"], {}).cassandra_in_flight_max
    with pytest.raises(conf.ConfigurationError, match="--cassandra-in-flight-max cannot be"):
        conf.configure(["--cassandra-in-flight-max", "8193"], {})


def test_the_environment_can_name_the_file(tmp_path):
    file = tmp_path / "magnetodb.conf"
    file.write_text("[DEFAULT]\naccess_keys = A:s/+=:p:member, B:t:p:reader\n")

    assert ["A:s/+=:p:member", "B:t:p:reader"] == conf.configure([], {"MAGNETODB_CONFIG_FILE": str(file)}).access_keys
