"""Condition, update, projection and key condition expressions: text and items, no storage.

A request's placeholders are made first; every expression is parsed with them; then unused ones are refused.
"""

from magnetodb.expressions.conditions import Condition, parse_condition
from magnetodb.expressions.key_conditions import KeyCondition, KeyConditions, parse_key_conditions
from magnetodb.expressions.placeholders import Placeholders, placeholders_of
from magnetodb.expressions.projections import Projection, parse_projection
from magnetodb.expressions.updates import Update, parse_update

__all__ = [
    "Condition",
    "KeyCondition",
    "KeyConditions",
    "Placeholders",
    "Projection",
    "Update",
    "parse_condition",
    "parse_key_conditions",
    "parse_projection",
    "parse_update",
    "placeholders_of",
]
