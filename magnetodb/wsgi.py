"""The falcon application for gunicorn or any other WSGI server: `gunicorn -c etc/magnetodb/gunicorn.conf.py`.

Reads the configuration from the environment and files; one process owns the data file.
"""

import atexit
import sys
from typing import TYPE_CHECKING

from magnetodb import conf
from magnetodb.api.app import create_app
from magnetodb.service import LoopThread, StartError, what_is_served

if TYPE_CHECKING:
    import falcon


def create() -> "falcon.App":
    """Make the application, and the event loop thread in which its core runs. Call it once, after a fork.

    Ends the process with a message and exit code 1 where the service cannot start.
    """
    try:
        configuration = conf.configure([])
        core = LoopThread(answer_seconds=configuration.request_timeout)
        service = core.open(configuration)
    except (StartError, conf.ConfigurationError) as error:
        print(f"magnetodb: {error}", file=sys.stderr)
        sys.exit(1)
    atexit.register(core.stop, service)
    print(what_is_served(configuration, service), flush=True)
    return create_app(core, region=configuration.region, inspection=service.inspection)
