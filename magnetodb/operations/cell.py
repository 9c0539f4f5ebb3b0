"""The storage of a request: chosen once, at the door, and passed to the operation as a value."""

from collections.abc import Callable
from typing import NamedTuple

from magnetodb.operations.consumption import Consumption
from magnetodb.operations.injected_failures import InjectedFailures
from magnetodb.operations.throughput import Throughput
from magnetodb.storage.manager import StorageManager
from magnetodb.storage.tables import Tables


class Settings(NamedTuple):
    """What an operation may know of the configuration. `clock` gives seconds since the epoch; `endpoint` is the
    host:port that DescribeEndpoints names; `failures` are None unless some are to be injected."""

    region: str
    account_id: str
    clock: Callable[[], float]
    endpoint: str = "127.0.0.1:8480"
    failures: InjectedFailures | None = None


class Cell:
    """A storage with its manager of items, its tables and its settings.

    `throughput` is None unless provisioned throughput is enforced. `consumption` adds up what requests consume.
    """

    __slots__ = ("consumption", "manager", "settings", "tables", "throughput")

    def __init__(
        self, manager: StorageManager, tables: Tables, settings: Settings, throughput: Throughput | None = None
    ) -> None:
        self.manager = manager
        self.tables = tables
        self.settings = settings
        self.throughput = throughput
        self.consumption = Consumption(throughput)
