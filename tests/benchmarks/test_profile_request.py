import uvloop

from benchmarks.layers import CLOCKS, Cost
from benchmarks.profile_request import LAYERS, REQUESTS, profile, report


def test_every_layer_of_every_operation_is_seen():
    """Fails where a function that the profile instruments has another name now: see SEAMS."""
    cost = Cost(0, 0)
    found, signature = uvloop.run(profile(1, dict.fromkeys(REQUESTS, 32), CLOCKS["wall"], cost, items=100))

    assert {} == {name: each.layers for name, each in found.items() if not all(time > 0 for time in each.layers)}
    assert signature > 0
    assert all(layer in report(found, signature, cost) for layer in LAYERS)
