"""ExpressionAttributeNames and ExpressionAttributeValues of one request, and which of them its expressions use."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn, TypeAlias

from magnetodb.errors import ValidationException
from magnetodb.model.attribute_values import AttributeValue, canonical_value

_NAME_KEY: Final = re.compile(r"#[A-Za-z0-9_]+").fullmatch
_VALUE_KEY: Final = re.compile(r":[A-Za-z0-9_]+").fullmatch

Names: TypeAlias = Mapping[str, str]
Values: TypeAlias = Mapping[str, AttributeValue]

NO_NAMES: Final[Names] = {}
NO_VALUES: Final[Values] = {}


class Placeholders:
    """What #names and :values of a request stand for; values are canonical.

    Every expression of a request is bound with the same Placeholders, then `refuse_unused` is called once.
    """

    __slots__ = ("names", "used", "values")

    def __init__(self, names: Names = NO_NAMES, values: Values = NO_VALUES) -> None:
        self.names = names
        self.values = values
        self.used: set[str] = set()

    def use(self, parameter: str, names: Iterable[str], values: Iterable[str]) -> None:
        """Remember the placeholders of an expression as used, of which the names are known to be defined. Raise
        ValidationException for the first value that is not."""
        for placeholder in values:
            if placeholder not in self.values:
                raise ValidationException(
                    f"Invalid {parameter}: An expression attribute value used in expression is not defined; "
                    f"attribute value: {placeholder}"
                )
        self.used.update(names, values)

    def refuse_unused(self) -> None:
        """Raise ValidationException if a name or value of the request is used by no expression."""
        if len(self.used) != len(self.names) + len(self.values):
            self._refuse_unused("ExpressionAttributeNames", self.names)
            self._refuse_unused("ExpressionAttributeValues", self.values)

    def _refuse_unused(self, parameter: str, keys: Iterable[str]) -> None:
        unused = [key for key in keys if key not in self.used]
        if unused:
            raise ValidationException(
                f"Value provided in {parameter} unused in expressions: keys: {{{', '.join(unused)}}}"
            )


def placeholders_of(
    names: Mapping[str, str] | None, values: Mapping[str, Any] | None, *, expressions: Iterable[str], given: bool
) -> Placeholders:
    """The placeholders of a request, checked.

    `expressions` are the members of the request that may use values, for the message when none of them is `given`.
    Raises ValidationException for keys of wrong syntax and for invalid values.
    """
    if names is not None:
        _check_names(names, given=given)
    if values is not None:
        _check_values(values, expressions=expressions, given=given)
        values = {key: _canonical(key, value) for key, value in values.items()}
    return Placeholders(names or NO_NAMES, values or NO_VALUES)


def _check_names(names: Mapping[str, str], *, given: bool) -> None:
    if not given:
        raise ValidationException("ExpressionAttributeNames can only be specified when using expressions")
    if not names:
        raise ValidationException("ExpressionAttributeNames must not be empty")
    for key, name in names.items():
        if not _NAME_KEY(key):
            raise ValidationException(f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{key}"')
        if not name:
            raise ValidationException(f"ExpressionAttributeNames contains invalid value: Empty value for key {key}")


def _check_values(values: Mapping[str, Any], *, expressions: Iterable[str], given: bool) -> None:
    if not given:
        _refuse_needless_values(list(expressions))
    if not values:
        raise ValidationException("ExpressionAttributeValues must not be empty")
    for key in values:
        if not _VALUE_KEY(key):
            raise ValidationException(f'ExpressionAttributeValues contains invalid key: Syntax error; key: "{key}"')


def _refuse_needless_values(expressions: list[str]) -> NoReturn:
    message = "ExpressionAttributeValues can only be specified when using expressions"
    if expressions:
        message += f": {' and '.join(expressions)} {'is' if len(expressions) == 1 else 'are'} null"
    raise ValidationException(message)


def _canonical(key: str, value: Any) -> AttributeValue:
    try:
        return canonical_value(value)[0]
    except ValidationException as error:
        message = f"ExpressionAttributeValues contains invalid value: {error.message} for key {key}"
        raise ValidationException(message) from error
