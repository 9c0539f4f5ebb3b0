"""Where options come from, and the sample file."""

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


def test_a_wrong_value_in_a_file_is_found_at_the_start(tmp_path, capsys):
    file = tmp_path / "magnetodb.conf"
    file.write_text("[DEFAULT]\ndurability = perhaps\n")

    with pytest.raises(SystemExit) as caught:
        conf.configure(["--config-file", str(file)], {})

    assert 1 == caught.value.code
    assert "full" in capsys.readouterr().err


def test_the_environment_can_name_the_file(tmp_path):
    file = tmp_path / "magnetodb.conf"
    file.write_text("[DEFAULT]\naccess_keys = A:s/+=:p:member, B:t:p:reader\n")

    assert ["A:s/+=:p:member", "B:t:p:reader"] == conf.configure([], {"MAGNETODB_CONFIG_FILE": str(file)}).access_keys
