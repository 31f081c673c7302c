"""A small language for gates: numbers, names of metrics, arithmetic, comparisons, `and`, `or`, `not`.

Nothing is ever handed to Python's own `eval`: the text is cut into tokens, and a recursive descent reads them.

::

    condition  := clause ("or" clause)*
    clause     := negation ("and" negation)*
    negation   := "not" negation | comparison
    comparison := sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)?
    sum        := product (("+" | "-") product)*
    product    := signed (("*" | "/") signed)*
    signed     := ("-" | "+") signed | number | name | "(" condition ")"
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dataeval_ui.errors import InputError, UnknownNameError

MAX_CHARS = 1_000
MAX_DEPTH = 40
"""Brackets and signs within one another; keeps hostile text from exhausting Python's stack."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign><=|>=|==|!=|[<>+\-*/()]))",
    re.ASCII,
)
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_WORDS = frozenset({"and", "or", "not"})

Value = float | bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a condition came to.

    Attributes
    ----------
    holds : bool
    values : mapping of str to float
        The metrics that the condition names, in the order it names them.
    """

    holds: bool
    values: Mapping[str, float]


def holds(text: str, metrics: Mapping[str, float]) -> Answer:
    """Tell whether a condition holds.

    Parameters
    ----------
    text : str
        Such as `"leaked_images > 0"`; at most `MAX_CHARS` characters.
    metrics : mapping of str to float
        The names that may be used. Every part of the condition is worked out, so that a wrong name is told even
        where the answer would not depend on it.

    Returns
    -------
    Answer

    Raises
    ------
    UnknownNameError
        A metric that this run does not have.
    InputError
        No condition of this language, a number that is not finite, or a division by zero.
    """
    if len(text) > MAX_CHARS:
        raise InputError(f"A condition has at most {MAX_CHARS:,} characters, this one has {len(text):,}.")
    reader = _Reader(text, _tokens(text), metrics)
    value = reader.condition()
    if reader.ahead:
        raise reader.wrong(f"there is no place for {reader.ahead!r}")
    if not isinstance(value, bool):
        raise InputError(f"{text!r} is a number and no condition; compare it, as in '{text.strip()} > 0'.")
    return Answer(value, reader.used)


def _tokens(text: str) -> list[str]:
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            hint = " Write == to compare." if text[at] == "=" else ""
            raise InputError(f"{text!r} is no condition: {text[at]!r} at character {at + 1} has no meaning here.{hint}")
        tokens.append(found[0].strip())
        at = found.end()
    return tokens


@dataclass
class _Reader:
    """Reads tokens from left to right and works out what they say."""

    text: str
    tokens: list[str]
    metrics: Mapping[str, float]
    at: int = 0
    depth: int = 0
    used: dict[str, float] = field(default_factory=dict)

    @property
    def ahead(self) -> str:
        """The next token; empty at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        """Return the next token and go on."""
        word = self.ahead
        self.at += 1
        return word

    def wrong(self, why: str) -> InputError:
        return InputError(f"{self.text!r} is no condition: {why}. Write one such as 'leaked_images > 0'.")

    def condition(self) -> Value:
        value = self.clause()
        while self.ahead == "or":
            self.take()
            left, right = self.truth(value, "or"), self.truth(self.clause(), "or")
            value = left or right
        return value

    def clause(self) -> Value:
        value = self.negation()
        while self.ahead == "and":
            self.take()
            left, right = self.truth(value, "and"), self.truth(self.negation(), "and")
            value = left and right
        return value

    def negation(self) -> Value:
        n = 0
        while self.ahead == "not":
            self.take()
            n += 1
        value = self.comparison()
        return value if n == 0 else self.truth(value, "not") ^ (n % 2 == 1)

    def comparison(self) -> Value:
        value = self.sum()
        if self.ahead not in _COMPARISONS:
            return value
        sign = self.take()
        answer = _COMPARISONS[sign](self.number(value, sign), self.number(self.sum(), sign))
        if self.ahead in _COMPARISONS:
            raise self.wrong("comparisons do not chain; join two with 'and'")
        return answer

    def sum(self) -> Value:
        value = self.product()
        while self.ahead in ("+", "-"):
            sign = self.take()
            left, right = self.number(value, sign), self.number(self.product(), sign)
            value = self.finite(left + right if sign == "+" else left - right)
        return value

    def product(self) -> Value:
        value = self.signed()
        while self.ahead in ("*", "/"):
            sign = self.take()
            left, right = self.number(value, sign), self.number(self.signed(), sign)
            if sign == "/" and right == 0:
                raise InputError(f"{self.text!r} divides by zero on this run; compare products instead of quotients.")
            value = self.finite(left * right if sign == "*" else left / right)
        return value

    def signed(self) -> Value:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.wrong(f"more than {MAX_DEPTH} brackets or signs stand within one another")
        value = self._signed()
        self.depth -= 1
        return value

    def _signed(self) -> Value:
        word = self.take()
        if word in ("-", "+"):
            number = self.number(self.signed(), word)
            return -number if word == "-" else number
        if word == "(":
            value = self.condition()
            if self.take() != ")":
                raise self.wrong("a bracket is not closed")
            return value
        if word[:1].isdigit() or word[:1] == ".":
            return self.finite(float(word))
        if word and word not in _WORDS and (word[0].isalpha() or word[0] == "_"):
            if word not in self.metrics:
                raise UnknownNameError("metric", word, self.metrics, max_listed=len(self.metrics))
            self.used[word] = float(self.metrics[word])
            return self.used[word]
        raise self.wrong(f"a number or a metric is missing before {word!r}" if word else "it ends too early")

    def truth(self, value: Value, word: str) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(f"{word!r} joins comparisons, and {value:g} is a number")
        return value

    def number(self, value: Value, sign: str) -> float:
        if isinstance(value, bool):
            raise self.wrong(f"{sign!r} takes numbers, not a comparison")
        return value

    def finite(self, value: float) -> float:
        if not math.isfinite(value):
            raise InputError(f"{self.text!r} leads to a number that is too large.")
        return value
