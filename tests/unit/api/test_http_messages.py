"""Headers as they come."""

from magnetodb.api.http_messages import joined_headers


def test_names_are_lowered_values_stripped_and_repeated_ones_joined():
    fields = [(b"Accept", b"a "), (b"Host", b" h"), (b"ACCEPT", b"b")]

    assert {b"accept": b"a,b", b"host": b"h"} == joined_headers(fields)
