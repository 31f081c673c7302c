"""Which images of a run a filter means: `label in (cat, dog) and brightness > 0.4`, or a saved view.

Nothing is ever handed to Python's own `eval`: the text is cut into tokens, and a recursive descent reads them.

::

    filter := clause ("or" clause)*
    clause := term ("and" term)*
    term   := "not" term | "(" filter ")" | name sign value | name ["not"] "in" "(" value ("," value)* ")"
    sign   := "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "~"
    name   := a column of the run, with or without "meta."; in backticks where it is not one word
    value  := a word, a number, or text in quotes

`path` is the file's, `view` the saved views; `~` compares with a pattern in which * stands for anything.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataeval_ui.errors import InputError, UnknownNameError
from dataeval_ui.types import METADATA_PREFIX

if TYPE_CHECKING:
    from dataeval_ui.services.columns import Column
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Bool

MAX_CHARS = 1_000
MAX_DEPTH = 40
"""Brackets and negations within one another; keeps hostile text from exhausting Python's stack."""

_TOKEN = re.compile(
    r"\s*(?:(?P<quoted>'[^']*'|\"[^\"]*\"|`[^`]*`)|(?P<sign><=|>=|==|!=|[=<>~(),])|(?P<word>[^\s=<>!~(),'\"`]+))"
)
_SIGNS: Mapping[str, Callable[..., Bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EQUAL = ("=", "==", "!=")
_SET_WORDS = frozenset({"and", "or", "not", "in"})


def rows_of_filter(run: Run, text: str) -> Bool:
    """Tell which images of a run a filter means.

    Parameters
    ----------
    text : str
        See the top of this module; at most `MAX_CHARS` characters.

    Returns
    -------
    ndarray of shape (n_images,), bool
        A comparison with a number that is missing does not hold.

    Raises
    ------
    UnknownNameError
        A column, category or saved view that the run does not have.
    InputError
        No filter of this language.
    """
    if len(text) > MAX_CHARS:
        raise InputError(f"A filter has at most {MAX_CHARS:,} characters, this one has {len(text):,}.")
    reader = _Reader(run, text, _tokens(text))
    if not reader.tokens:
        raise InputError("The filter is empty; write one such as label = cat.")
    found = reader.either()
    if reader.ahead is not None:
        raise reader.wrong(f"there is no place for {reader.ahead.text!r}")
    return found


def filter_names(run: Run) -> dict[str, str]:
    """Return what a filter may name, each with what it holds, in words: for the page's help and for messages."""
    told = {}
    for name, column in run.columns.items():
        short = name.removeprefix(METADATA_PREFIX)
        shown = name if short in told or (short != name and short in run.columns) else short
        if column.values is not None:
            told[_written(shown)] = "numbers"
        else:
            some = ", ".join(_written(one) for one in column.categories[:4])
            told[_written(shown)] = some + (", …" if len(column.categories) > 4 else "")
    told["path"] = "the file, such as path ~ 'night/*'"
    views = [view.name for view in run.services.catalog.list_views(run.id)]
    if views:
        told["view"] = ", ".join(_written(name) for name in views[:4]) + (", …" if len(views) > 4 else "")
    return told


def _written(name: str) -> str:
    """Write a name or value so that it reads back as one token."""
    if re.fullmatch(r"[^\s=<>!~(),'\"`]+", name) and name not in _SET_WORDS:
        return name
    return f"'{name}'" if "'" not in name else f'"{name}"'


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    quoted: bool

    def says(self, word: str) -> bool:
        return not self.quoted and self.text.lower() == word


def _tokens(text: str) -> list[_Token]:
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at, end)
        if found is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            hint = "a quotation that does not end" if text[at] in "'\"`" else f"{text[at]!r}"
            raise InputError(f"{text!r} is no filter: {hint} at character {at + 1} has no meaning here.")
        quoted = found["quoted"]
        tokens.append(_Token(quoted[1:-1], True) if quoted else _Token(found[0].strip(), False))
        at = found.end()
    return tokens


class _Reader:
    """Reads tokens from left to right and works out which images they mean."""

    def __init__(self, run: Run, text: str, tokens: list[_Token]) -> None:
        self.run, self.text, self.tokens = run, text, tokens
        self.at = self.depth = 0

    @property
    def ahead(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def wrong(self, why: str) -> InputError:
        return InputError(f"{self.text!r} is no filter: {why}. Write one such as label = cat and brightness > 0.5.")

    def take(self, word: str) -> bool:
        found = self.ahead is not None and self.ahead.says(word)
        self.at += found
        return found

    def need(self, what: str) -> _Token:
        token = self.ahead
        if token is None:
            raise self.wrong(f"it ends where {what} should be")
        if not token.quoted and (token.text in (*_EQUAL, *_SIGNS, "~", "(", ")", ",") or token.says("in")):
            raise self.wrong(f"{token.text!r} stands where {what} should be")
        self.at += 1
        return token

    def either(self) -> Bool:
        found = self.both()
        while self.take("or"):
            found = found | self.both()
        return found

    def both(self) -> Bool:
        found = self.term()
        while self.take("and"):
            found = found & self.term()
        return found

    def term(self) -> Bool:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise InputError(f"A filter has at most {MAX_DEPTH} brackets within one another.")
        try:
            if self.take("not"):
                return ~self.term()
            if self.take("("):
                found = self.either()
                if not self.take(")"):
                    raise self.wrong("a bracket is not closed")
                return found
            return self.comparison()
        finally:
            self.depth -= 1

    def comparison(self) -> Bool:
        name = self.need("the name of a column").text
        negated = self.take("not")
        if self.take("in"):
            if not self.take("("):
                raise self.wrong("after in, values stand in brackets, as in label in (cat, dog)")
            found = self.equal(name, self.need("a value").text)
            while self.take(","):
                found = found | self.equal(name, self.need("a value").text)
            if not self.take(")"):
                raise self.wrong("the bracket behind in is not closed")
            return ~found if negated else found
        sign = self.ahead
        if negated or sign is None or sign.quoted or sign.text not in (*_EQUAL, *_SIGNS, "~"):
            raise self.wrong(f"{name!r} is compared with nothing")
        self.at += 1
        value = self.need("a value").text
        if sign.text == "~":
            return self.alike(name, value)
        if sign.text in _EQUAL:
            same = self.equal(name, value)
            return ~same if sign.text == "!=" else same
        return self.ordered(name, _SIGNS[sign.text], value)

    def column(self, name: str) -> Column:
        columns = self.run.columns
        found = columns.get(name) or columns.get(METADATA_PREFIX + name)
        if found is None:
            raise UnknownNameError("column", name, [*columns, "path", "view"])
        return found

    def equal(self, name: str, value: str) -> Bool:
        import numpy as np

        if name == "view":
            return rows_of_view(self.run, value)
        if name == "path":
            return np.array([path == value for path in self.run.first_places["path"].to_pylist()], dtype=np.bool_)
        column = self.column(name)
        if column.values is not None:
            return np.isclose(column.values, _number(column, value), rtol=1e-6, atol=0, equal_nan=False)
        assert column.codes is not None
        known = {category: code for code, category in enumerate(column.categories)}
        wanted = value if value in known else f"{name} {value}"  # cluster = 3
        if wanted not in known:
            raise UnknownNameError(column.title.lower(), value, column.categories)
        return np.asarray(column.codes == known[wanted])

    def ordered(self, name: str, sign: Callable[..., Bool], value: str) -> Bool:
        import numpy as np

        if name in ("view", "path"):
            raise self.wrong(f"{name!r} has no order; compare it with = or ~")
        column = self.column(name)
        if column.values is not None:
            with np.errstate(invalid="ignore"):  # NaN is in no order
                return np.asarray(sign(column.values, np.float32(_number(column, value))))
        assert column.codes is not None
        known = [category for at, category in enumerate(column.categories) if at != column.neutral]
        numbers = _numbers(known)
        # Dates as ISO 8601 are in the order of their letters.
        limit: object = value if numbers is None else _number(column, value)
        places = iter(known if numbers is None else numbers)
        holds = np.array([at != column.neutral and sign(next(places), limit) for at in range(len(column.categories))])
        return np.asarray(holds[column.codes])

    def alike(self, name: str, pattern: str) -> Bool:
        import fnmatch

        import numpy as np

        fits = re.compile(fnmatch.translate(pattern)).match
        if name == "path":
            return np.array([bool(fits(path)) for path in self.run.first_places["path"].to_pylist()], dtype=np.bool_)
        column = self.column(name)
        if column.codes is None:
            raise self.wrong(f"{name!r} is a column of numbers; compare it with <, =, or >")
        return np.asarray(np.array([bool(fits(one)) for one in column.categories])[column.codes])


def rows_of_view(run: Run, name: str) -> Bool:
    """Tell which images a saved view shows: those that are selected on it, or else those that its filters leave.

    Raises
    ------
    UnknownNameError
        No such view of this run.
    InputError
        Its selection does not fit the run.
    """
    import numpy as np

    from dataeval_ui.services.selections import KEPT_PREFIX, decode_selection, kept_digest, parse_range
    from dataeval_ui.services.sharing import find_view

    address = find_view(run.services, run.id, name).address
    mask = np.ones(run.n_images, dtype=np.bool_)
    if address.get("selected"):
        import base64

        text = address["selected"][-1]
        kept = address.get(f"{KEPT_PREFIX}{kept_digest(text)}")
        mask = np.zeros(run.n_images, dtype=np.bool_)
        mask[decode_selection(text, run.n_images, None if kept is None else base64.b64decode(kept[0]))] = True
    for key, values in address.items():
        kind, _, column_name = key.partition(".")
        if kind == "in":
            column = run.column(column_name)
            wanted = set(values)
            codes = [code for code, category in enumerate(column.categories) if category in wanted]
            if column.codes is not None:
                mask &= np.isin(column.codes, codes)
        elif kind == "range" and (bounds := parse_range(values[-1])) is not None:
            values_ = run.column(column_name).values
            if values_ is not None:
                with np.errstate(invalid="ignore"):
                    mask &= (values_ >= bounds[0]) & (values_ <= bounds[1])
    if mask.all():
        raise InputError(f"The saved view {name!r} neither selects nor filters images; save one that does.")
    return mask


def _number(column: Column, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f"{column.title} is a column of numbers; {value!r} is none.") from None


def _numbers(texts: list[str]) -> list[float] | None:
    try:
        return [float(text) for text in texts]
    except ValueError:
        return None
