"""What keeps a service from being started."""

import subprocess
import sys

import pytest

from magnetodb import conf
from magnetodb.service import CRASH_POINT, StartError, check_exposure, crash_point, is_loopback, parsed_access_key


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_addresses_that_only_this_machine_reaches(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "127.0.0.1.example.org"])
def test_addresses_that_others_reach(host):
    assert not is_loopback(host)


def test_anonymous_strangers_need_plain_words():
    with pytest.raises(StartError, match="--allow-anonymous-remote"):
        check_exposure("0.0.0.0", conf.configure([], {}))

    check_exposure("0.0.0.0", conf.configure(["--allow-anonymous-remote"], {}))
    check_exposure("0.0.0.0", conf.configure(["--auth", "sigv4"], {}))
    check_exposure("127.0.0.1", conf.configure([], {}))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("AK:s/e+c=:orders:member", ("AK", "s/e+c=", "orders", "member", "")),
        ("AK:secret:orders:reader:tok:en", ("AK", "secret", "orders", "reader", "tok:en")),
    ],
)
def test_access_keys_are_read(text, key):
    assert key == tuple(parsed_access_key(text))


@pytest.mark.parametrize("text", ["", "AK", "AK:top-secret:orders", "AK:top-secret::member", "AK:top-secret:o:king"])
def test_a_wrong_access_key_is_refused_without_its_secret(text):
    with pytest.raises(StartError) as caught:
        parsed_access_key(text)

    assert "top-secret" not in str(caught.value)


def test_a_full_disk_at_the_start_is_told_in_a_sentence(tmp_path):
    program = (
        "import resource, sys\n"
        "from magnetodb.commands import api\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (32 * 1024, 32 * 1024))\n"
        "sys.exit(api.main(['--data-dir', sys.argv[1], '--bind-port', '0']))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60)

    assert 1 == ended.returncode
    assert f"magnetodb-api: the data file {tmp_path}/magnetodb.sqlite cannot be prepared: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_crash_point_of_tests_is_an_environment_variable_that_the_configuration_leaves_alone():
    assert CRASH_POINT.startswith(conf.TESTS_PREFIX)
    assert crash_point("") is None
    assert crash_point("after:item:3") == ("after", "item", 3)


def test_a_crash_point_that_is_none_is_told_in_a_sentence():
    with pytest.raises(StartError, match=f"^{CRASH_POINT}: no crash point: 'now'"):
        crash_point("now")
