"""Expressions ready to run but for their values: made once of a text and the names it is used with, and kept.

Everything that does not depend on the values of a request is decided and checked when a plan is made.
"""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any, Final, NoReturn, TypeVar

from magnetodb.errors import ValidationException
from magnetodb.expressions.document_paths import Elements
from magnetodb.expressions.nodes import Operand, Path, Value
from magnetodb.expressions.placeholders import NO_NAMES, Names, Values
from magnetodb.model.attribute_values import type_of

CACHED_PLANS_MAX: Final = 256
CACHED_TEXT_CHARACTERS_MAX: Final = 1024
CACHED_NAMES_MAX: Final = 32
CACHED_NAMES_CHARACTERS_MAX: Final = 1024

Plan = TypeVar("Plan")
Check = Callable[[Values], None]
"""Raises ValidationException for values that the expression cannot take."""


def cached(make: Callable[[str, str, Names], Plan]) -> Callable[[str, str, Names], Plan]:
    """`make` (of parameter, text and names) with the plans of ordinary expressions kept.

    A plan depends on nothing but its arguments, so it is right for ever. Long texts and names are planned anew each
    time, which bounds the memory.
    """

    @lru_cache(CACHED_PLANS_MAX)
    def plan_of(parameter: str, text: str, names: tuple[tuple[str, str], ...]) -> Plan:
        return make(parameter, text, dict(names))

    def plan(parameter: str, text: str, names: Names) -> Plan:
        if len(text) > CACHED_TEXT_CHARACTERS_MAX:
            return make(parameter, text, names)
        if not names:
            return plan_of(parameter, text, ())
        if len(names) > CACHED_NAMES_MAX or len("".join(names.values())) > CACHED_NAMES_CHARACTERS_MAX:
            return make(parameter, text, names)
        return plan_of(parameter, text, tuple(names.items()))

    return plan


class Planner:
    """What making any kind of plan needs: the names, and the checks to be made of each request's values."""

    __slots__ = ("checks", "names", "parameter")

    def __init__(self, parameter: str, names: Names, placeholders: Sequence[str]) -> None:
        """Raise ValidationException for the first of the placeholders that is a name without definition."""
        self.parameter = parameter
        self.names = names
        self.checks: list[Check] = []
        for placeholder in placeholders:
            if placeholder not in names:
                self.refuse(
                    "An expression attribute name used in the document path is not defined; "
                    f"attribute name: {placeholder}"
                )

    def elements(self, path: Path) -> Elements:
        """The elements of a path with its placeholders resolved."""
        names: Any = self.names
        # Only placeholders are keys of names: neither an attribute's name nor a list index starts with #.
        return tuple([names.get(element, element) for element in path.elements]) if names else path.elements

    def check_types(self, function: str, operands: Sequence[Operand], types: Collection[str]) -> None:
        """Have values refused that the operator or function cannot take."""
        for operand in operands:
            if isinstance(operand, Value):
                self.check_type(f"operator or function: {function}", operand, types)

    def check_type(self, operator: str, operand: Value, types: Collection[str], words: Names = NO_NAMES) -> None:
        """Have a value refused that is of none of the types; `words` are what the message calls them, where not S, N,
        and so on."""
        placeholder = operand.placeholder

        def check(values: Values) -> None:
            kind = type_of(values[placeholder])
            if kind not in types:
                self.refuse(
                    "Incorrect operand type for operator or function; "
                    f"{operator}, operand type: {words.get(kind, kind)}"
                )

        self.checks.append(check)

    def refuse(self, message: str) -> NoReturn:
        """Raise ValidationException in the name of the request's member."""
        raise ValidationException(f"Invalid {self.parameter}: {message}")
