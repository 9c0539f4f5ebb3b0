"""The write protocol on a Cassandra of values: whatever happens between its steps, nothing acknowledged is lost, and
indexes are right after recovery. docs/protocol-checks.md tells what is checked, and how to check more."""

import pytest

from tests.storage.cassandra_model.explorer import Violation, explore, wander
from tests.storage.cassandra_model.ingredients import MUTANTS
from tests.storage.cassandra_model.scenarios import crowd, small_scenarios

# A busy machine goes through a thousand worlds a second.
pytestmark = pytest.mark.timeout(600)

WORLDS_MAX = 200_000
WAYS = 20


@pytest.mark.parametrize("scenario", list(small_scenarios()), ids=lambda scenario: scenario.name)
def test_nothing_is_wrong_in_any_world_of_a_small_scenario(scenario, figures):
    explored = explore(scenario, worlds_max=WORLDS_MAX)
    figures(f"write protocol: {explored.worlds} worlds, {explored.quiet} quiet ones: {scenario.name}")

    assert explored.complete


def test_nothing_is_wrong_on_random_ways_through_a_crowd(figures):
    explored = wander(crowd(), seed=1, ways=WAYS)
    figures(f"write protocol: {explored.worlds} steps on {explored.quiet} random ways through a crowd")

    assert explored.quiet == WAYS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.ingredient)
def test_no_ingredient_can_be_left_out(mutant):
    """Else it would be there for nothing, or the checks would not see it missing."""
    with pytest.raises(Violation):
        explore(mutant.mutated(), worlds_max=WORLDS_MAX)
