"""Expression parameters and the legacy parameters that came before them: which may stand together in one request."""

from typing import Any

from magnetodb.errors import ValidationException
from magnetodb.expressions.placeholders import Placeholders, placeholders_of


class ParameterRules:
    """The two families of an operation's parameters, in the order in which AWS's messages list them.

    `value_expressions` are the expressions that can hold a :value. `beside` maps a legacy parameter to the one
    expression that it may not stand beside; any other legacy parameter may stand beside none.
    """

    __slots__ = ("_beside", "_expressions", "_legacy", "_legacy_names", "_members", "_value_expressions", "_valued")

    def __init__(
        self,
        *,
        expressions: tuple[str, ...],
        value_expressions: tuple[str, ...],
        legacy: tuple[str, ...],
        beside: dict[str, str] | None = None,
    ) -> None:
        self._expressions = expressions
        self._value_expressions = value_expressions
        self._valued = frozenset(value_expressions)
        self._legacy = legacy
        self._legacy_names = frozenset(legacy)
        self._beside = beside or {}
        self._members = frozenset((*expressions, *legacy, "ExpressionAttributeNames", "ExpressionAttributeValues"))

    def placeholders(self, request: dict[str, Any]) -> Placeholders | None:
        """What the request's placeholders stand for; None if it has no expression and no legacy parameter.

        Raises ValidationException where parameters stand together that may not, and for wrong placeholders.
        """
        if self._members.isdisjoint(request):
            return None
        given = [name for name in self._expressions if request.get(name) is not None]
        if given and not self._legacy_names.isdisjoint(request):
            self._refuse_mixture(request, given)
        names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
        if values is None:
            return placeholders_of(names, None, expressions=(), given=bool(given))
        valued = not self._valued.isdisjoint(given)
        if names is not None and not valued:
            placeholders_of(names, None, expressions=(), given=bool(given))
        return placeholders_of(names, values, expressions=self._value_expressions, given=valued)

    def _refuse_mixture(self, request: dict[str, Any], given: list[str]) -> None:
        mixed = [
            name for name in self._legacy if request.get(name) is not None and self._beside.get(name, given[0]) in given
        ]
        if mixed:
            raise ValidationException(
                "Can not use both expression and non-expression parameters in the same request: "
                f"Non-expression parameters: {{{', '.join(mixed)}}} Expression parameters: {{{', '.join(given)}}}"
            )


CONDITIONAL_WRITE = ParameterRules(
    expressions=("ConditionExpression",),
    value_expressions=("ConditionExpression",),
    legacy=("Expected", "ConditionalOperator"),
)
UPDATE_ITEM = ParameterRules(
    expressions=("UpdateExpression", "ConditionExpression"),
    value_expressions=("UpdateExpression", "ConditionExpression"),
    legacy=("AttributeUpdates", "Expected", "ConditionalOperator"),
)
GET_ITEM = ParameterRules(expressions=("ProjectionExpression",), value_expressions=(), legacy=("AttributesToGet",))
QUERY = ParameterRules(
    expressions=("ProjectionExpression", "FilterExpression", "KeyConditionExpression"),
    value_expressions=("FilterExpression", "KeyConditionExpression"),
    legacy=("AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions"),
    beside={"KeyConditions": "KeyConditionExpression"},
)
SCAN = ParameterRules(
    expressions=("ProjectionExpression", "FilterExpression"),
    value_expressions=("FilterExpression",),
    legacy=("AttributesToGet", "ScanFilter", "ConditionalOperator"),
)
TRANSACT_WRITE = ParameterRules(
    expressions=("ConditionExpression",), value_expressions=("ConditionExpression",), legacy=()
)
TRANSACT_UPDATE = ParameterRules(
    expressions=("UpdateExpression", "ConditionExpression"),
    value_expressions=("UpdateExpression", "ConditionExpression"),
    legacy=(),
)
TRANSACT_GET = ParameterRules(expressions=("ProjectionExpression",), value_expressions=(), legacy=())
