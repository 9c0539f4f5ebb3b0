"""Text to nodes. Each method's docstring is its grammar rule; whatever the text is, only ValidationException is raised.

Conditions nest as deep as 4 KB of text allow, so they are parsed with a stack of operators instead of by recursion.
Of several faults the one that AWS looks for first is reported: syntax, then the order of `Fault`.
"""

import re
from enum import IntEnum
from typing import NamedTuple, NoReturn

from magnetodb.errors import ValidationException
from magnetodb.expressions.nodes import (
    Action,
    AddAction,
    And,
    Arithmetic,
    Between,
    Call,
    Comparison,
    ConditionNode,
    ConditionTree,
    DeleteAction,
    In,
    Not,
    Operand,
    Or,
    Path,
    ProjectionTree,
    RemoveAction,
    SetAction,
    UpdateTree,
    Value,
)
from magnetodb.expressions.reserved_words import RESERVED_WORDS

EXPRESSION_BYTES_MAX = 4096
OPERATORS_MAX = 300
PATH_ELEMENTS_MAX = 32
IN_OPERANDS_MAX = 100
FUNCTION_DEPTH_MAX = 64
LIST_INDEX_MAX = 2**31 - 1


def parse_condition(parameter: str, text: str) -> ConditionTree:
    """The tree of a condition, filter or key condition expression; `parameter` is its name in the request."""
    parser = _ConditionParser(parameter, text)
    condition = parser.condition()
    parser.refuse_faults()
    return ConditionTree(condition, tuple(parser.names), tuple(parser.values), tuple(parser.roots))


def parse_update(parameter: str, text: str) -> UpdateTree:
    """The tree of an update expression."""
    parser = _UpdateParser(parameter, text)
    actions = parser.actions()
    parser.refuse_faults()
    return UpdateTree(tuple(actions), tuple(parser.names), tuple(parser.values))


def parse_projection(parameter: str, text: str) -> ProjectionTree:
    """The tree of a projection expression: path { "," path } ."""
    parser = _Parser(parameter, text)
    paths = [parser.path()]
    while parser.token == ",":
        parser.advance()
        paths.append(parser.path())
    parser.expect(END)
    parser.refuse_faults()
    return ProjectionTree(tuple(paths), tuple(parser.names))


class Fault(IntEnum):
    """What can be wrong in an expression of right syntax, without knowing the placeholders; in order of report."""

    REDUNDANT_PARENTHESES = 1
    REPEATED_SECTION = 2
    RESERVED_WORD = 3
    UNKNOWN_FUNCTION = 4
    MISPLACED_FUNCTION = 5
    TOO_DEEP = 6
    TOO_MANY_OPERATORS = 7
    TOO_MANY_OPERANDS = 8
    NUMBER_OF_OPERANDS = 9
    NO_PATH = 10


class Function(NamedTuple):
    """How a function is used: its number of operands, whether the first one must be a path, and where it may stand."""

    operands: int
    path_first: bool
    place: str


FUNCTIONS = {
    "attribute_exists": Function(1, True, "condition"),
    "attribute_not_exists": Function(1, True, "condition"),
    "attribute_type": Function(2, True, "condition"),
    "begins_with": Function(2, False, "condition"),
    "contains": Function(2, False, "condition"),
    "size": Function(1, False, "operand"),
    "if_not_exists": Function(2, True, "update"),
    "list_append": Function(2, False, "update"),
}

COMPARATORS = frozenset(("=", "<>", "<", "<=", ">", ">="))
PRECEDENCE = {"OR": 1, "AND": 2, "NOT": 3}
CONDITION_KEYWORDS = frozenset(("AND", "OR", "NOT", "BETWEEN", "IN"))
UPDATE_KEYWORDS = frozenset(("SET", "REMOVE", "ADD", "DELETE"))
END = ""

_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9_]*|[#:][A-Za-z0-9_]+|[0-9]+|<>|<=|>=|[^ \t\r\n\f]")


class _Parser:
    """The tokens of a text, the place reached, and the faults met on the way."""

    keywords: frozenset[str] = frozenset()

    def __init__(self, parameter: str, text: str) -> None:
        self.parameter = parameter
        self.text = text
        self._refuse_size()
        matches = list(_TOKEN.finditer(text))
        if not matches:
            self.refuse("The expression can not be empty;")
        self.tokens = [match.group() for match in matches]
        self.starts = [match.start() for match in matches]
        self.tokens.append(END)
        self.starts.append(len(text))
        self.position = 0
        self.token = self.tokens[0]
        self.names: dict[str, None] = {}
        self.values: dict[str, None] = {}
        self.faults: dict[Fault, str] = {}
        self.operators = 0
        self.last_group = (-1, -1)

    def _refuse_size(self) -> None:
        if len(self.text) * 4 > EXPRESSION_BYTES_MAX:
            size = len(self.text.encode("utf-8", "surrogatepass"))
            if size > EXPRESSION_BYTES_MAX:
                # UpdateItem's message ends without the size.
                tail = f" expression size: {size}" if self.parameter != "UpdateExpression" else ""
                self.refuse(f"Expression size has exceeded the maximum allowed size;{tail}")

    def refuse(self, message: str) -> NoReturn:
        raise ValidationException(f"Invalid {self.parameter}: {message}")

    def refuse_token(self) -> NoReturn:
        """AWS shows the token where it stopped, between its neighbours."""
        first = max(self.position - 1, 0)
        last = min(self.position + 1, len(self.tokens) - 1)
        near = self.text[self.starts[first] : self.starts[last] + len(self.tokens[last])]
        self.refuse(f'Syntax error; token: "{self.token or "<EOF>"}", near: "{near}"')

    def fault(self, kind: Fault, message: str) -> None:
        """Keep the first fault of each kind until the syntax of the whole is known to be right."""
        self.faults.setdefault(kind, message)

    def refuse_faults(self) -> None:
        if self.operators > OPERATORS_MAX:
            message = f"The expression contains too many operators; operator count: {self.operators}"
            self.fault(Fault.TOO_MANY_OPERATORS, message)
        if self.faults:
            self.refuse(self.faults[min(self.faults)])

    def advance(self) -> str:
        """Step over the token and return it."""
        token = self.token
        self.position += 1
        self.token = self.tokens[self.position]
        return token

    def expect(self, token: str) -> None:
        if self.token != token:
            self.refuse_token()
        if token != END:
            self.advance()

    def close_group(self, start: int) -> None:
        """Step over the ")" that belongs to the "(" at token `start`. A group of nothing but a group is redundant."""
        if self.last_group == (start + 1, self.position - 1):
            self.fault(Fault.REDUNDANT_PARENTHESES, "The expression has redundant parentheses;")
        self.last_group = (start, self.position)
        self.expect(")")

    def path(self) -> Path:
        """Path = name { "." name | "[" integer "]" } ."""
        elements: list[str | int] = [self.name()]
        while True:
            if self.token == ".":
                self.advance()
                elements.append(self.name())
            elif self.token == "[":
                self.advance()
                elements.append(self.list_index())
                self.expect("]")
            else:
                break
        if len(elements) > PATH_ELEMENTS_MAX:
            message = f"The document path has too many nesting elements; nesting levels: {len(elements)}"
            self.fault(Fault.TOO_DEEP, message)
        return Path(tuple(elements))

    def name(self) -> str:
        """Name = letter { letter | digit | "_" } | "#" ( letter | digit | "_" ) { letter | digit | "_" } ."""
        token = self.token
        if token[:1] == "#" and len(token) > 1:
            self.names[token] = None
        elif not ("a" <= token[:1].lower() <= "z") or token.upper() in self.keywords:
            self.refuse_token()
        elif token.upper() in RESERVED_WORDS:
            message = f"Attribute name is a reserved keyword; reserved keyword: {token}"
            self.fault(Fault.RESERVED_WORD, message)
        return self.advance()

    def list_index(self) -> int:
        """Integer = digit { digit } ."""
        if not ("0" <= self.token[:1] <= "9"):
            self.refuse_token()
        digits = self.advance()
        index = int(digits)
        if index > LIST_INDEX_MAX:
            self.fault(Fault.TOO_DEEP, f"List index is not within the allowable range; index: [{digits}]")
            return LIST_INDEX_MAX
        return index

    def operand(self, depth: int = 0) -> Operand:
        """Operand = path | ":" name | function "(" operand { "," operand } ")" ."""
        token = self.token
        if token[:1] == ":" and len(token) > 1:
            self.values[token] = None
            return Value(self.advance())
        if self.tokens[self.position + 1 : self.position + 2] == ["("] and "a" <= token[:1].lower() <= "z":
            return self.call(depth)
        return self.path()

    def call(self, depth: int) -> Call:
        """Call = function "(" operand { "," operand } ")" ."""
        if self.token.upper() in self.keywords:
            self.refuse_token()
        if depth == FUNCTION_DEPTH_MAX:
            self.refuse(f"The expression has too many nested functions; nesting levels: {depth + 1}")
        function = self.advance()
        self.operators += 1
        arguments = tuple(self.operand_list(depth + 1))
        self.check_function(function, arguments, nested=depth > 0)
        return Call(function, arguments)

    def operand_list(self, depth: int = 0) -> list[Operand]:
        """List = "(" operand { "," operand } ")" ."""
        self.expect("(")
        operands = [self.operand(depth)]
        while self.token == ",":
            self.advance()
            operands.append(self.operand(depth))
        self.expect(")")
        return operands

    def grouped_operand(self) -> Operand:
        """Grouped = operand | "(" grouped ")" ."""
        starts = self.open_groups()
        operand = self.operand()
        while starts:
            self.close_group(starts.pop())
        return operand

    def open_groups(self) -> list[int]:
        """Step over opening parentheses; their token numbers."""
        starts = []
        while self.token == "(":
            starts.append(self.position)
            self.advance()
        return starts

    def check_function(self, function: str, arguments: tuple[Operand, ...], *, nested: bool) -> None:
        known = FUNCTIONS.get(function)
        if known is None:
            self.fault(Fault.UNKNOWN_FUNCTION, f"Invalid function name; function: {function}")
            return
        self.check_place(function, known.place, nested=nested)
        operator = f"operator or function: {function}"
        if len(arguments) != known.operands:
            message = (
                f"Incorrect number of operands for operator or function; {operator}, "
                f"number of operands: {len(arguments)}"
            )
            self.fault(Fault.NUMBER_OF_OPERANDS, message)
        if known.path_first and not isinstance(arguments[0], Path):
            self.fault(Fault.NO_PATH, f"Operator or function requires a document path; {operator}")

    def check_place(self, function: str, place: str, *, nested: bool) -> None:
        """Overridden by each kind of expression."""

    def misplaced(self, function: str) -> None:
        message = f"The function is not allowed to be used this way in an expression; function: {function}"
        self.fault(Fault.MISPLACED_FUNCTION, message)


class _ConditionParser(_Parser):
    keywords = CONDITION_KEYWORDS

    def __init__(self, parameter: str, text: str) -> None:
        super().__init__(parameter, text)
        self.roots: dict[str, None] = {}
        # What waits for its right side: operators as words, open parentheses as their token numbers.
        self.waiting: list[str | int] = []
        self.conditions: list[ConditionNode] = []

    def condition(self) -> ConditionNode:
        """Condition = simple | "(" condition ")" | NOT condition | condition ( AND | OR ) condition ."""
        while True:
            self.open_conditions()
            self.conditions.append(self.simple())
            self.close_conditions()
            operator = self.token.upper()
            if operator not in ("AND", "OR"):
                break
            self.reduce(PRECEDENCE[operator])
            self.waiting.append(operator)
            self.operators += 1
            self.advance()
        self.reduce(0)
        if self.waiting or self.token != END:
            self.refuse_token()
        return self.conditions[0]

    def open_conditions(self) -> None:
        """Step over what may come before a simple condition: NOT and "("."""
        while True:
            if self.token == "(":
                self.waiting.append(self.position)
            elif self.token.upper() == "NOT":
                self.waiting.append("NOT")
                self.operators += 1
            else:
                return
            self.advance()

    def close_conditions(self) -> None:
        while self.token == ")":
            self.reduce(0)
            if not self.waiting:
                self.refuse_token()
            start = self.waiting.pop()
            assert isinstance(start, int)
            self.close_group(start)

    def reduce(self, precedence: int) -> None:
        """Give the operators that bind at least as tightly as `precedence` their operands, back to a parenthesis."""
        while self.waiting:
            operator = self.waiting[-1]
            if isinstance(operator, int) or PRECEDENCE[operator] < precedence:
                return
            self.waiting.pop()
            right = self.conditions.pop()
            if operator == "NOT":
                self.conditions.append(Not(right))
            else:
                kind: type[And] | type[Or] = And if operator == "AND" else Or
                self.conditions.append(_chain(kind, self.conditions.pop(), right))

    def simple(self) -> ConditionNode:
        """Simple = operand comparator operand | operand BETWEEN operand AND operand | operand IN list | call ."""
        operand = self.operand()
        # A parenthesis before the operand may be about the operand alone, as in "(a) = :v".
        while self.token == ")" and self.waiting and isinstance(self.waiting[-1], int):
            self.close_group(self.waiting.pop())  # type: ignore[arg-type]
        operator = self.token.upper()
        if operator in COMPARATORS or operator in ("BETWEEN", "IN"):
            self.operators += 1
            self.advance()
            self.check_operand(operand)
            if operator == "BETWEEN":
                return self.between(operand)
            if operator == "IN":
                return self.in_list(operand)
            return Comparison(operator, operand, self.checked_operand())
        if not isinstance(operand, Call):
            self.refuse_token()
        if operand.function in FUNCTIONS and FUNCTIONS[operand.function].place == "operand":
            self.misplaced(operand.function)
        return operand

    def between(self, operand: Operand) -> Between:
        """Between = operand BETWEEN operand AND operand ."""
        low = self.checked_operand()
        if self.token.upper() != "AND":
            self.refuse_token()
        self.advance()
        return Between(operand, low, self.checked_operand())

    def in_list(self, operand: Operand) -> In:
        """In = operand IN "(" operand { "," operand } ")" ."""
        choices = self.operand_list()
        for choice in choices:
            self.check_operand(choice)
        if len(choices) > IN_OPERANDS_MAX:
            message = f"The IN operator is provided with too many operands; number of operands: {len(choices)}"
            self.fault(Fault.TOO_MANY_OPERANDS, message)
        return In(operand, tuple(choices))

    def checked_operand(self) -> Operand:
        operand = self.grouped_operand()
        self.check_operand(operand)
        return operand

    def check_operand(self, operand: Operand) -> None:
        """Of the functions of conditions only size() is an operand."""
        if isinstance(operand, Call):
            known = FUNCTIONS.get(operand.function)
            if known is not None and known.place == "condition":
                self.misplaced(operand.function)

    def check_place(self, function: str, place: str, *, nested: bool) -> None:
        if place == "update":
            message = f"The function is not allowed in a condition expression; function: {function}"
            self.fault(Fault.MISPLACED_FUNCTION, message)
        elif nested:
            self.misplaced(function)

    def path(self) -> Path:
        """Path = name { "." name | "[" integer "]" } ."""
        path = super().path()
        self.roots[str(path.elements[0])] = None
        return path


class _UpdateParser(_Parser):
    keywords = UPDATE_KEYWORDS

    def actions(self) -> list[Action]:
        """Update = section { section } ; section = keyword action { "," action } ; each keyword once."""
        actions: list[Action] = []
        seen = set()
        while self.token != END:
            section = self.token.upper()
            if section not in UPDATE_KEYWORDS:
                self.refuse_token()
            if section in seen:
                message = f'The "{section}" section can only be used once in an update expression;'
                self.fault(Fault.REPEATED_SECTION, message)
            seen.add(section)
            self.advance()
            actions.append(self.action(section))
            while self.token == ",":
                self.advance()
                actions.append(self.action(section))
        return actions

    def action(self, section: str) -> Action:
        """Action = path "=" set value | path | path ":" name ."""
        path = self.path()
        if section == "REMOVE":
            return RemoveAction(path)
        if section == "SET":
            self.expect("=")
            return SetAction(path, self.set_value())
        if self.token[:1] != ":" or len(self.token) == 1:
            self.refuse_token()
        self.values[self.token] = None
        value = Value(self.advance())
        return AddAction(path, value) if section == "ADD" else DeleteAction(path, value)

    def set_value(self) -> Operand:
        """Set value = grouped | grouped ( "+" | "-" ) grouped | "(" set value ")" ."""
        starts = self.open_groups()
        value = self.operand()
        while starts and self.token == ")":
            self.close_group(starts.pop())
        if self.token in ("+", "-"):
            self.operators += 1
            value = Arithmetic(self.advance(), value, self.grouped_operand())
        while starts:
            self.close_group(starts.pop())
        return value

    def check_place(self, function: str, place: str, *, nested: bool) -> None:
        if place != "update":
            message = f"The function is not allowed in an update expression; function: {function}"
            self.fault(Fault.MISPLACED_FUNCTION, message)


def _chain(kind: type[And] | type[Or], left: ConditionNode, right: ConditionNode) -> ConditionNode:
    """Left and right in one flat node: (a AND b) AND c is a chain of three."""
    lefts = left.conditions if isinstance(left, kind) else (left,)
    rights = right.conditions if isinstance(right, kind) else (right,)
    return kind(lefts + rights)
