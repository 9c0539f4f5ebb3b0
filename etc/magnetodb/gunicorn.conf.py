"""gunicorn -c etc/magnetodb/gunicorn.conf.py: the WSGI front. The options of magnetodb.conf and the environment count
here too; gunicorn's own flags win."""

import sys

from magnetodb import conf, service

try:
    _configuration = conf.configure([])
except conf.ConfigurationError as error:
    raise SystemExit(f"magnetodb: {error}") from None

wsgi_app = "magnetodb.wsgi:create()"
bind = f"{_configuration.bind_host}:{_configuration.bind_port}"

# One process owns the data file, and its core is one event loop thread; these threads only wait for it.
workers = 1
worker_class = "gthread"
threads = 32
preload_app = False  # The application's thread must be started after the fork.

keepalive = 75
timeout = 60
graceful_timeout = 30
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 32768


def on_starting(server):
    """Refuse an address that strangers reach, wherever it was given."""
    for address in server.cfg.address:
        if isinstance(address, tuple):
            try:
                service.check_exposure(address[0], _configuration)
            except service.StartError as error:
                raise SystemExit(f"magnetodb: {error}") from None


def worker_exit(server, worker):
    """End gunicorn where the service cannot start, instead of trying again for ever. Not where a later worker fails:
    after SIGHUP it may have to wait until the one before it has let go of the data file."""
    if not worker.booted and worker.age <= server.cfg.workers:
        sys.exit(server.WORKER_BOOT_ERROR)
