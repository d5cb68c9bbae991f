"""`data`: the case as scripts change it, its way to the request and back.

The old engine wrote a case's fields as Python text, put the variables into that text and read it again. What this makes of values that
JSON has no word for is made here: most cannot be read again, which is the case's error; bytes and a few more go to the host as their
text behind a mark.
"""
import ast
import json
import math
from collections import OrderedDict

from scope import replace

# The fields in which variables are replaced, in the order in which they are.
_FIELDS = ('interface', 'headers', 'request', 'file')
_SCRIPTS = ('setup_script', 'teardown_script')
# Members of `request` that become text: what is iterable there repeats its name.
_AS_TEXT = ('params', 'data', 'headers', 'cookies', 'auth', 'files')
# What is nested deeper may lie in itself.
_DEPTH = 200
# No text that a user can save begins so.
_MARK = '\0python:'
_plain = json.JSONEncoder(allow_nan=False).encode


class CaseData:
    """The dict that both scripts see, and what the host last had of it."""

    def __init__(self, members):
        self.members = members
        self._sent, self._marked = {}, {}

    def out(self, names):
        """(JSON text of what the host needs, {field: `Error: why` of what cannot be read again}).

        `names` are those that a field's text may use when it is read.
        """
        texts, faults = {}, {}
        for field in _FIELDS:
            if field in self.members:
                try:
                    texts[field] = _plain(self._told(field, self._read_again(self.members[field], names)))
                except (MemoryError, RecursionError, ArithmeticError, LookupError, NameError, SyntaxError, TypeError,
                        ValueError, AttributeError) as problem:  # fmt: skip
                    faults[field] = _summary(problem)
                    texts[field] = 'null'
        self._sent = texts
        scripts = {name: self.members.get(name) for name in _SCRIPTS}
        texts = texts | {name: _plain(script) for name, script in scripts.items() if isinstance(script, str)}
        return '{' + ', '.join([f'"{name}": {text}' for name, text in texts.items()]) + '}', faults

    def take(self, members):
        """What the host made of the fields, in the very objects that a script knows. Other members are the scripts' alone."""
        for field in _FIELDS:
            if field in members and _plain(members[field]) != self._sent.get(field):
                self.members[field] = replace(self.members.get(field), self._unmarked(members[field]))

    @staticmethod
    def _read_again(value, names):
        if _is_plain(value) and not isinstance(value, str):
            return value
        return eval(str(dict(value) if isinstance(value, OrderedDict) else value), dict(names))

    def _told(self, field, value):
        if field == 'request' and isinstance(value, dict):
            return {str(name): self._value(member, name in _AS_TEXT) for name, member in value.items()}
        return self._value(value, field != 'file')

    def _value(self, value, as_text):
        if value is None or isinstance(value, (str, bool, int, float)):
            return value
        if isinstance(value, dict):
            return self._members(value, as_text)
        if isinstance(value, (list, tuple)) or as_text and isinstance(value, (set, frozenset, range)):
            return [self._value(item, as_text) for item in value]
        if as_text and isinstance(value, (bytes, bytearray)) and not value:
            return ''
        return self._mark(value)

    def _members(self, value, as_text):
        try:
            return {
                str(name) if as_text else _key(name): self._value(member, as_text) for name, member in dict.items(value)
            }
        except _NoKey as problem:
            return self._mark(value, f'{problem} as a key')

    def _mark(self, value, kind=None):
        kind = kind or ('bytes' if isinstance(value, bytearray) else type(value).__name__)
        mark = f'{_MARK}{kind}:{value!r}'
        self._marked[mark] = value
        return mark

    def _unmarked(self, value):
        if isinstance(value, dict):
            return {name: self._unmarked(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self._unmarked(item) for item in value]
        if not isinstance(value, str) or not value.startswith(_MARK):
            return value
        if value in self._marked:
            return self._marked[value]
        # The host replaced variables inside.
        try:
            return ast.literal_eval(value.removeprefix(_MARK).partition(':')[2])
        except (ValueError, SyntaxError):
            return value


class _NoKey(Exception):
    """JSON has no names of this type."""


def _is_plain(value, depth=0):
    """Whether Python's text of it reads the same again."""
    kind = type(value)
    if depth > _DEPTH:
        return False
    if kind is dict:
        return all(type(name) is str and _is_plain(member, depth + 1) for name, member in value.items())
    if kind is list:
        return all(_is_plain(item, depth + 1) for item in value)
    return kind in (str, int, bool, type(None)) or kind is float and math.isfinite(value)


def _key(name):
    """The name as JSON writes it."""
    if isinstance(name, str):
        return name
    if name is None or isinstance(name, (bool, int, float)):
        return next(iter(json.loads(_plain({name: 0}))))
    raise _NoKey(type(name).__name__)


def _summary(problem):
    return f'{type(problem).__name__}: {problem.msg if isinstance(problem, SyntaxError) else problem}'
