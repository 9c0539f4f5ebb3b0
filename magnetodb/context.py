"""Who asks: the one value that travels with a request from the door to the storage."""

from typing import NamedTuple


class RequestContext(NamedTuple):
    """Made once per request by `api/auth.py`; immutable.

    `project` owns the tables that the request can see. `account_id` (12 digits) and `region` are what ARNs say.
    `cell` names the storage that the request is served from.
    """

    request_id: str
    project: str
    user: str
    roles: frozenset[str]
    region: str
    account_id: str
    cell: str = "default"
