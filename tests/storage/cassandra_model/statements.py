"""The CQL that the driver writes, parsed. A statement that is not understood is refused, so that the fake cannot answer
what it does not know.

The dialect: CREATE, DROP and TRUNCATE TABLE; SELECT by key, range or token; INSERT, UPDATE and DELETE with USING, IF
and IF [NOT] EXISTS. Batches are calls of several statements, not a text.
"""

import re
import uuid
from functools import lru_cache
from typing import Final, NamedTuple

STATEMENTS_MAX: Final = 4096
"""So many texts are kept parsed."""

TOKENS = re.compile(
    r"\s*(?:(?P<uuid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})|(?P<blob>0x[0-9a-fA-F]*)|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<quoted>\"[^\"]+\")|(?P<text>'(?:[^']|'')*')|(?P<sign><=|>=|!=|[=<>?(),.;{}:*]))"
)


class UnknownCql(Exception):
    """A statement that the fake does not understand, or that Cassandra would refuse."""


class Marker(NamedTuple):
    """The place of a `?`: the value is bound."""

    position: int


class Literal(NamedTuple):
    """A value that stands in the text."""

    value: object


Term = Marker | Literal


class Relation(NamedTuple):
    """`column operator term`, of WHERE or of IF. `column` is "token" for token(...). `IN (?, ?)` has several terms;
    `IN ?` has one, whose value is a list. `(a, b) > (?, ?)` is of the column "a, b" and has several terms."""

    column: str
    operator: str
    terms: tuple[Term, ...]


class Select(NamedTuple):
    """SELECT; no `columns` means `*`. `functions` has what is asked for by WRITETIME or TTL, as (function, column)."""

    table: str
    columns: tuple[str, ...]
    functions: tuple[tuple[str, str], ...]
    distinct: bool
    where: tuple[Relation, ...]
    order: tuple[tuple[str, bool], ...]
    limit: Term | None
    partition_limit: Term | None
    filtering: bool


class Write(NamedTuple):
    """INSERT, UPDATE and DELETE. `keys` say which row, `cells` what is set; a DELETE without cells deletes rows."""

    verb: str
    table: str
    keys: tuple[Relation, ...]
    cells: tuple[tuple[str, Term], ...]
    timestamp: Term | None
    time_to_live: Term | None
    conditions: tuple[Relation, ...]
    exists: bool | None

    @property
    def conditional(self) -> bool:
        """It is a lightweight transaction."""
        return bool(self.conditions) or self.exists is not None


class CreateTable(NamedTuple):
    """CREATE TABLE: `columns` by name with their types; `clustering` with whether it descends."""

    table: str
    columns: tuple[tuple[str, str], ...]
    partition: tuple[str, ...]
    clustering: tuple[tuple[str, bool], ...]
    time_to_live: int
    if_not_exists: bool


class DropTable(NamedTuple):
    """DROP TABLE."""

    table: str
    if_exists: bool


class TruncateTable(NamedTuple):
    """TRUNCATE."""

    table: str


Statement = Select | Write | CreateTable | DropTable | TruncateTable


@lru_cache(STATEMENTS_MAX)
def parse(text: str) -> Statement:
    """The statement of a text. Raises UnknownCql."""
    return _Parser(text).statement()


class _Parser:
    """Recursive descent: a method for each rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._next = 0
        self._markers = 0

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens = []
        position = 0
        end = len(text.rstrip())
        while position < end:
            match = TOKENS.match(text, position)
            if match is None:
                raise UnknownCql(f"{text!r} at {position}")
            assert match.lastgroup is not None
            tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        return tokens

    # Tokens.

    def _peek(self, *words: str) -> bool:
        ahead = self._tokens[self._next : self._next + len(words)]
        return [token.upper() for _, token in ahead] == list(words)

    def _take(self, *words: str) -> bool:
        if not self._peek(*words):
            return False
        self._next += len(words)
        return True

    def _need(self, *words: str) -> None:
        if not self._take(*words):
            raise UnknownCql(f"{self._text!r}: {' '.join(words)} is expected at {self._tokens[self._next :][:3]}")

    def _name(self) -> str:
        if self._next < len(self._tokens):
            kind, token = self._tokens[self._next]
            self._next += 1
            if kind == "word":
                return token.lower()
            if kind == "quoted":
                return token[1:-1]
        raise UnknownCql(f"{self._text!r}: a name is expected before token {self._next}")

    def _term(self) -> Term:
        """`?` | number | 'text' | 0xblob | uuid | NULL | TRUE | FALSE"""
        if self._take("?"):
            self._markers += 1
            return Marker(self._markers - 1)
        for word, value in (("NULL", None), ("TRUE", True), ("FALSE", False)):
            if self._take(word):
                return Literal(value)
        kind, token = self._tokens[self._next]
        self._next += 1
        if kind == "number":
            return Literal(int(token))
        if kind == "text":
            return Literal(token[1:-1].replace("''", "'"))
        if kind == "blob":
            return Literal(bytes.fromhex(token[2:]))
        if kind == "uuid":
            return Literal(uuid.UUID(token))
        raise UnknownCql(f"{self._text!r}: a value is expected at {token!r}")

    def _table(self) -> str:
        """[keyspace .] table: the keyspace is of no concern here."""
        name = self._name()
        return self._name() if self._take(".") else name

    # Statements.

    def statement(self) -> Statement:
        """select | insert | update | delete | create table | drop table | truncate"""
        rules = {
            "SELECT": self._select,
            "INSERT": self._insert,
            "UPDATE": self._update,
            "DELETE": self._delete,
            "CREATE": self._create,
            "DROP": self._drop,
            "TRUNCATE": self._truncate,
        }
        word = self._tokens[0][1].upper() if self._tokens else ""
        if word not in rules:
            raise UnknownCql(self._text)
        self._next = 1
        found = rules[word]()
        self._take(";")
        if self._next != len(self._tokens):
            raise UnknownCql(f"{self._text!r}: not understood from {self._tokens[self._next :][:3]}")
        return found

    def _select(self) -> Select:
        """SELECT [DISTINCT] columns FROM table [WHERE ...] [ORDER BY ...] [PER PARTITION LIMIT n] [LIMIT n]
        [ALLOW FILTERING]"""
        distinct = self._take("DISTINCT")
        columns, functions = self._selected()
        self._need("FROM")
        table = self._table()
        where = self._relations() if self._take("WHERE") else ()
        order = []
        if self._take("ORDER", "BY"):
            while True:
                name = self._name()
                descending = self._take("DESC")
                if not descending:
                    self._take("ASC")
                order.append((name, descending))
                if not self._take(","):
                    break
        partition_limit = self._term() if self._take("PER", "PARTITION", "LIMIT") else None
        limit = self._term() if self._take("LIMIT") else None
        filtering = self._take("ALLOW", "FILTERING")
        return Select(table, columns, functions, distinct, where, tuple(order), limit, partition_limit, filtering)

    def _selected(self) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        if self._take("*"):
            return (), ()
        columns: list[str] = []
        functions: list[tuple[str, str]] = []
        while True:
            name = self._name()
            if self._take("("):
                argument = [self._name()]
                while self._take(","):
                    argument.append(self._name())
                self._need(")")
                functions.append((name, ", ".join(argument)))
                columns.append(f"{name}({', '.join(argument)})")
            else:
                columns.append(name)
            if not self._take(","):
                return tuple(columns), tuple(functions)

    def _relations(self) -> tuple[Relation, ...]:
        """relation AND relation ..."""
        found = [self._relation()]
        while self._take("AND"):
            found.append(self._relation())
        return tuple(found)

    def _relation(self) -> Relation:
        """column operator term | column IN ? | column IN (term, ...) | token(columns) operator term
        | (columns) operator (terms)"""
        if self._take("("):
            return self._tuple_relation()
        name = self._name()
        if name == "token" and self._take("("):
            self._name()
            while self._take(","):
                self._name()
            self._need(")")
        if self._take("IN"):
            if not self._take("("):
                return Relation(name, "IN ?", (self._term(),))
            terms = [self._term()]
            while self._take(","):
                terms.append(self._term())
            self._need(")")
            return Relation(name, "IN", tuple(terms))
        for operator in ("=", "<=", ">=", "!=", "<", ">"):
            if self._take(operator):
                return Relation(name, operator, (self._term(),))
        raise UnknownCql(f"{self._text!r}: an operator is expected after {name}")

    def _tuple_relation(self) -> Relation:
        """What follows the first parenthesis of (columns) operator (terms)."""
        columns = [self._name()]
        while self._take(","):
            columns.append(self._name())
        self._need(")")
        for operator in ("<=", ">=", "<", ">"):
            if self._take(operator):
                self._need("(")
                terms = [self._term()]
                while self._take(","):
                    terms.append(self._term())
                self._need(")")
                return Relation(", ".join(columns), operator, tuple(terms))
        raise UnknownCql(f"{self._text!r}: an operator is expected after {columns}")

    def _using(self) -> dict[str, Term]:
        """[USING TTL t [AND TIMESTAMP t]], in either order"""
        found: dict[str, Term] = {}
        if self._take("USING"):
            while True:
                word = self._name()
                if word not in {"ttl", "timestamp"} or word in found:
                    raise UnknownCql(f"{self._text!r}: USING {word}")
                found[word] = self._term()
                if not self._take("AND"):
                    break
        return found

    def _if(self) -> tuple[tuple[Relation, ...], bool | None]:
        """[IF EXISTS | IF NOT EXISTS | IF relation AND ...]"""
        if not self._take("IF"):
            return (), None
        if self._take("NOT", "EXISTS"):
            return (), False
        if self._take("EXISTS"):
            return (), True
        return self._relations(), None

    def _insert(self) -> Write:
        """INSERT INTO table (columns) VALUES (terms) [IF NOT EXISTS] [USING ...]"""
        self._need("INTO")
        table = self._table()
        self._need("(")
        columns = [self._name()]
        while self._take(","):
            columns.append(self._name())
        self._need(")", "VALUES", "(")
        terms = [self._term()]
        while self._take(","):
            terms.append(self._term())
        self._need(")")
        conditions, exists = self._if()
        using = self._using()
        if len(columns) != len(terms) or conditions or exists:
            raise UnknownCql(self._text)
        cells = tuple(zip(columns, terms, strict=True))
        return Write("INSERT", table, (), cells, using.get("timestamp"), using.get("ttl"), (), exists)

    def _update(self) -> Write:
        """UPDATE table [USING ...] SET column = term, ... WHERE ... [IF ...]"""
        table = self._table()
        using = self._using()
        self._need("SET")
        cells = []
        while True:
            name = self._name()
            self._need("=")
            cells.append((name, self._term()))
            if not self._take(","):
                break
        self._need("WHERE")
        keys = self._relations()
        conditions, exists = self._if()
        if exists is False:
            raise UnknownCql(self._text)
        return Write("UPDATE", table, keys, tuple(cells), using.get("timestamp"), using.get("ttl"), conditions, exists)

    def _delete(self) -> Write:
        """DELETE [columns] FROM table [USING TIMESTAMP t] WHERE ... [IF ...]"""
        cells = []
        while not self._peek("FROM"):
            cells.append((self._name(), Literal(None)))
            if not self._take(","):
                break
        self._need("FROM")
        table = self._table()
        using = self._using()
        if "ttl" in using:
            raise UnknownCql(self._text)
        self._need("WHERE")
        keys = self._relations()
        conditions, exists = self._if()
        if exists is False:
            raise UnknownCql(self._text)
        return Write("DELETE", table, keys, tuple(cells), using.get("timestamp"), None, conditions, exists)

    def _create(self) -> CreateTable:
        """CREATE TABLE [IF NOT EXISTS] table (column type, ..., PRIMARY KEY ((partition), clustering)) [WITH ...]"""
        self._need("TABLE")
        if_not_exists = self._take("IF", "NOT", "EXISTS")
        table = self._table()
        self._need("(")
        columns: list[tuple[str, str]] = []
        partition: tuple[str, ...] = ()
        clustering: list[str] = []
        while True:
            if self._take("PRIMARY", "KEY"):
                partition, clustering = self._primary_key()
            else:
                name = self._name()
                columns.append((name, self._name()))
                if self._take("PRIMARY", "KEY"):
                    partition = (name,)
            if not self._take(","):
                break
        self._need(")")
        time_to_live = 0
        descending: set[str] = set()
        while self._take("WITH") or self._take("AND"):
            if self._take("CLUSTERING", "ORDER", "BY"):
                descending |= self._clustering_order()
            else:
                name = self._name()
                self._need("=")
                value = self._option()
                if name == "default_time_to_live":
                    assert isinstance(value, int)
                    time_to_live = value
        ordered = tuple([(name, name in descending) for name in clustering])
        return CreateTable(table, tuple(columns), partition, ordered, time_to_live, if_not_exists)

    def _primary_key(self) -> tuple[tuple[str, ...], list[str]]:
        """((a, b), c, d) | (a, c)"""
        self._need("(")
        if self._take("("):
            partition = [self._name()]
            while self._take(","):
                partition.append(self._name())
            self._need(")")
        else:
            partition = [self._name()]
        clustering = []
        while self._take(","):
            clustering.append(self._name())
        self._need(")")
        return tuple(partition), clustering

    def _clustering_order(self) -> set[str]:
        self._need("(")
        descending = set()
        while True:
            name = self._name()
            if self._take("DESC"):
                descending.add(name)
            else:
                self._take("ASC")
            if not self._take(","):
                break
        self._need(")")
        return descending

    def _option(self) -> object:
        """A value of WITH: a literal, or a map in braces, which is passed over."""
        if not self._take("{"):
            term = self._term()
            assert isinstance(term, Literal)
            return term.value
        while not self._take("}"):
            self._next += 1
        return None

    def _drop(self) -> DropTable:
        self._need("TABLE")
        if_exists = self._take("IF", "EXISTS")
        return DropTable(self._table(), if_exists)

    def _truncate(self) -> TruncateTable:
        self._take("TABLE")
        return TruncateTable(self._table())
