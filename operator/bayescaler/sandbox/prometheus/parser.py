"""From the text of a PromQL query to its tree, or to an error worded and placed as Prometheus would."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from bayescaler.sandbox.prometheus.promql import (
    AGGREGATIONS,
    FUNCTIONS,
    INSTANT,
    RANGE,
    Aggregate,
    Binary,
    Call,
    Expression,
    Matcher,
    Number,
    PromQLError,
    Selector,
    duration_ms,
)

UNSUPPORTED_WORDS = ("and", "or", "unless", "atan2", "bool", "on", "ignoring", "group_left", "group_right")
QUERIES_KEPT = 256  # as they were read: an operator asks the same at every tick
UNSUPPORTED_SYMBOLS = ("%", "^", "==", "!=", "<", ">", "<=", ">=", "@")

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<duration>(?:\d+(?:ms|[ywdhms]))+(?![\w.]))
      | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<word>[A-Za-z_:][\w:]*)
      | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
      | (?P<symbol>=~|!~|!=|==|<=|>=|[-+*/%^<>=@(){}\[\],:])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_PLAIN_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


@lru_cache(maxsize=QUERIES_KEPT)
def parse(query: str) -> Expression:
    """Read a query; raises PromQLError naming the place and what is wrong or not spoken here."""
    return _Parser(query).parse()


class _Parser:
    """Recursive descent over the tokens of one query."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = list(self._scan())
        self._next = 0

    def parse(self) -> Expression:
        if self._peek().kind == "end":
            raise PromQLError("1:1: parse error: no expression found in input")
        expression = self._sum()
        token = self._peek()
        if token.kind != "end":
            self._refuse_known(token)
            raise self._error(token, f"unexpected {_described(token)}")
        return expression

    def _scan(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self._query):
            found = _TOKEN.match(self._query, at)
            if not found or not found.lastgroup:
                raise self._error(_Token("bad", "", at), f"unexpected character: {self._query[at]!r}")
            if found.lastgroup != "space":
                tokens.append(_Token(found.lastgroup, found.group(), at))
            at = found.end()
        return [*tokens, _Token("end", "", at)]

    # -- expressions, by falling binding strength from outside in

    def _sum(self) -> Expression:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Expression:
        return self._chain(("*", "/"), self._signed)

    def _chain(self, operators: tuple[str, ...], operand: Callable[[], Expression]) -> Expression:
        left = operand()
        while self._peek().text in operators and self._peek().kind == "symbol":
            token = self._take()
            self._refuse_known(self._peek())
            right = operand()
            for side in (left, right):
                if side.kind == RANGE:
                    raise self._error(token, "binary expression must contain only scalar and instant vector types")
            left = Binary(token.text, left, right)
        return left

    def _signed(self) -> Expression:
        if not self._at("+", "-"):
            return self._primary()
        sign = self._take()
        argument = self._signed()
        if argument.kind == RANGE:
            raise self._error(
                sign,
                'unary expression only allowed on scalar or instant vector, got "range vector"',
            )
        return argument if sign.text == "+" else Binary("*", Number(-1.0), argument)

    def _primary(self) -> Expression:
        token = self._peek()
        if token.kind == "number":
            return Number(_number(self._take().text))
        if self._at("("):
            self._take()
            inner = self._sum()
            self._expect(")", "in parenthesis")
            self._refuse_suffix(inner)
            return inner
        if token.kind == "word":
            return self._named(token)
        if self._at("{"):
            return self._selector()
        raise self._error(token, f"unexpected {_described(token)}")

    def _named(self, token: _Token) -> Expression:
        if token.text.lower() in ("inf", "nan"):
            return Number(float(self._take().text))
        if token.text.lower() in UNSUPPORTED_WORDS:
            self._refuse_known(token)
        following = self._tokens[self._next + 1]
        if token.text.lower() in AGGREGATIONS and following.text.lower() in ("(", "by", "without"):
            return self._aggregate()
        if following.text in ("(", "by", "without"):
            return self._call()
        return self._selector()

    def _call(self) -> Expression:
        name = self._take()
        if name.text not in FUNCTIONS:
            raise self._unsupported(name, f'function or aggregation "{name.text}"', (*FUNCTIONS, *AGGREGATIONS))
        self._expect("(", "in function call")
        argument = self._sum()
        if self._at(","):
            raise self._error(name, f'expected at most 1 argument(s) in call to "{name.text}"')
        self._expect(")", "in function call")
        if not isinstance(argument, Selector) or argument.kind != RANGE:
            raise self._error(
                name, f'expected type range vector in call to function "{name.text}", got {argument.kind}'
            )
        call = Call(name.text, argument)
        self._refuse_suffix(call)
        return call

    def _aggregate(self) -> Expression:
        name = self._take()
        labels, without, grouped = self._grouping()
        self._expect("(", "in aggregation")
        argument = self._sum()
        self._expect(")", "in aggregation")
        if not grouped:
            labels, without, grouped = self._grouping()
        if argument.kind != INSTANT:
            raise self._error(name, f"expected type instant vector in aggregation expression, got {argument.kind}")
        aggregate = Aggregate(name.text.lower(), argument, labels, without)
        self._refuse_suffix(aggregate)
        return aggregate

    def _grouping(self) -> tuple[tuple[str, ...], bool, bool]:
        if self._peek().text.lower() not in ("by", "without"):
            return (), False, False
        without = self._take().text.lower() == "without"
        self._expect("(", "in grouping opts")
        labels: list[str] = []
        while not self._at(")"):
            labels.append(self._word("in grouping opts"))
            if not self._at(","):
                break
            self._take()
        self._expect(")", "in grouping opts")
        return tuple(labels), without, True

    # -- selectors

    def _selector(self) -> Selector:
        start = self._peek()
        matchers: list[Matcher] = []
        if start.kind == "word":
            matchers.append(Matcher("__name__", "=", self._take().text))
        if self._at("{"):
            self._take()
            while not self._at("}"):
                matchers.append(self._matcher())
                if not self._at(","):
                    break
                self._take()
            self._expect("}", "in label matching")
        if all(matcher.accepts({}) for matcher in matchers):
            raise self._error(start, "vector selector must contain at least one non-empty matcher")
        selector = Selector(tuple(matchers))
        if self._at("["):
            selector = replace(selector, range_ms=self._range())
        if self._peek().text.lower() == "offset":
            self._take()
            selector = replace(selector, offset_ms=self._offset())
        self._refuse_suffix(selector)
        return selector

    def _matcher(self) -> Matcher:
        label = self._word("in label matching")
        operator = self._take()
        if operator.text not in ("=", "!=", "=~", "!~"):
            raise self._error(
                operator,
                f"unexpected {_described(operator)} in label matching, expected label matching operator",
            )
        token = self._take()
        if token.kind != "string":
            raise self._error(token, f"unexpected {_described(token)} in label matching, expected string")
        value = _unquoted(token.text)
        if "~" not in operator.text:
            return Matcher(label, operator.text, value)
        try:
            return Matcher(label, operator.text, value, re.compile(value))
        except re.error as error:
            raise self._error(token, f"error parsing regexp: {error}") from None

    def _range(self) -> int:
        bracket = self._take()
        width = self._duration("missing unit character in duration")
        if self._peek().text.startswith(":"):  # `:1m` reads as a word, names may begin with a colon
            raise self._unsupported(bracket, "a subquery", ())
        self._expect("]", "in matrix selector")
        if width == 0:
            raise self._error(bracket, "duration must be greater than 0")
        return width

    def _offset(self) -> int:
        sign = -1 if self._at("-") else 1
        if sign < 0:
            self._take()
        return sign * self._duration("unexpected value in offset, expected duration")

    def _duration(self, otherwise: str) -> int:
        token = self._take()
        if token.kind != "duration":
            raise self._error(token, otherwise)
        try:
            return duration_ms(token.text)
        except ValueError as error:
            raise self._error(token, str(error)) from None

    # -- tokens

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _at(self, *symbols: str) -> bool:
        token = self._peek()
        return token.kind == "symbol" and token.text in symbols

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _word(self, where: str) -> str:
        token = self._take()
        if token.kind != "word" or ":" in token.text:
            raise self._error(token, f"unexpected {_described(token)} {where}, expected label")
        return token.text

    def _expect(self, symbol: str, where: str) -> None:
        token = self._peek()
        if not self._at(symbol):
            self._refuse_known(token)
            raise self._error(token, f'unexpected {_described(token)} {where}, expected "{symbol}"')
        self._take()

    def _refuse_suffix(self, before: Expression) -> None:
        token = self._peek()
        if self._at("["):
            raise self._unsupported(token, "a subquery or a range over an expression", ())
        if token.text.lower() == "offset":
            raise self._error(
                token,
                f"offset modifier must be preceded by a selector, not by a {before.kind} expression",
            )

    def _refuse_known(self, token: _Token) -> None:
        """Name what Prometheus would understand and the sandbox does not."""
        if token.kind == "symbol" and token.text in UNSUPPORTED_SYMBOLS:
            raise self._unsupported(token, f'the operator "{token.text}"', ("+", "-", "*", "/"))
        if token.kind == "word" and token.text.lower() in UNSUPPORTED_WORDS:
            raise self._unsupported(token, f'"{token.text}"', ("+", "-", "*", "/"))

    def _unsupported(self, token: _Token, what: str, instead: tuple[str, ...]) -> PromQLError:
        known = f"; it knows {', '.join(instead)}" if instead else ""
        return self._error(token, f"{what} is not supported by the sandbox's Prometheus{known}")

    def _error(self, token: _Token, message: str) -> PromQLError:
        before = self._query[: token.at]
        line, column = before.count("\n") + 1, token.at - (before.rfind("\n") + 1) + 1
        return PromQLError(f"{line}:{column}: parse error: {message}")


def _number(text: str) -> float:
    return float(int(text, 16)) if text[:2].lower() == "0x" else float(text)


def _unquoted(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]

    def plain(found: re.Match[str]) -> str:
        code = found.group(1)
        if code[0] in "xuU" and len(code) > 1:
            return chr(int(code[1:], 16))
        if len(code) == 3:
            return chr(int(code, 8))
        return _PLAIN_ESCAPES.get(code, code)

    return _ESCAPE.sub(plain, text[1:-1])


def _described(token: _Token) -> str:
    if token.kind == "end":
        return "end of input"
    return f'{ {"word": "identifier", "symbol": "character"}.get(token.kind, token.kind) } "{token.text}"'
