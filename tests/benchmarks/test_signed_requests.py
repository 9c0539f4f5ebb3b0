import time

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks.signed_requests import ACCESS_KEY, REGION, SECRET_KEY, encoded, headers_of


def test_a_signature_is_the_one_that_botocore_makes():
    body = encoded({"TableName": "orders", "Key": {"pk": {"S": "é"}}})
    mine = headers_of("127.0.0.1:8480", "GetItem", body, now=1_790_000_000)
    unsigned = {name: value for name, value in mine.items() if name != "Authorization"}
    request = AWSRequest("POST", "http://127.0.0.1:8480/", data=body, headers=unsigned)
    request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(1_790_000_000))
    signer = SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "dynamodb", REGION)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)

    assert f"Signature={signature}" == mine["Authorization"].rpartition(", ")[2]
