"""Who asks: the strategies that turn a request into its RequestContext.

`none` believes everybody and shows everybody the same tables; `sigv4` believes signatures of configured keys.
"""

import time
from collections.abc import Iterable
from typing import Final

from magnetodb.api.dynamodb import Authenticate
from magnetodb.api.http_messages import Request
from magnetodb.api.signature import AccessKey, verify
from magnetodb.context import RequestContext
from magnetodb.policies import ADMIN, ROLES

NOBODYS_PROJECT: Final = "default"
NOBODY: Final = "anonymous"


def anonymous(*, region: str, account_id: str, project: str = NOBODYS_PROJECT) -> Authenticate:
    """Strategy `none`: any or no credentials; every key and region sees the tables of one project."""
    roles = frozenset({ADMIN})

    def authenticate(request: Request, request_id: str) -> RequestContext:
        return RequestContext(request_id, project, NOBODY, roles, region, account_id)

    return authenticate


def signed(access_keys: Iterable[AccessKey], *, region: str, account_id: str) -> Authenticate:
    """Strategy `sigv4`: the signature says which access key asks, and the key says which project and role."""
    keys = {key.key_id: key for key in access_keys}
    roles = {role: frozenset({role}) for role in ROLES}

    def authenticate(request: Request, request_id: str) -> RequestContext:
        key = verify(request, keys.get, region=region, now=time.time())
        return RequestContext(request_id, key.project, key.key_id, roles[key.role], region, account_id)

    return authenticate
