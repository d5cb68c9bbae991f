"""Variables that scripts see: dicts with attribute access, what a script changed in them, and their way to JSON."""
import json
from numbers import Number

_plain = json.JSONEncoder(allow_nan=False).encode
_LEAVES = (str, int, float, bool, type(None))
_DEPTH = 200
_TEXT_CHARS = 1024 * 1024


class Missing(KeyError, AttributeError):
    """A variable that is not there: existing scripts catch a KeyError, and `getattr` with a default needs an AttributeError."""


Missing.__name__ = Missing.__qualname__ = 'KeyError'
Missing.__module__ = 'builtins'


class Scope(dict):
    """A dict whose keys are attributes too. It notes what scripts write."""

    __slots__ = ('_written', '_known', '_secrets')

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._remember({})
        object.__setattr__(self, '_secrets', None)

    def _remember(self, known):
        """`known`: by their names in JSON the names here, and the JSON texts that the host has."""
        object.__setattr__(self, '_written', set())
        object.__setattr__(self, '_known', known)

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise Missing(name) from None

    def __setattr__(self, name, value):
        self[name] = value

    def __delattr__(self, name):
        try:
            del self[name]
        except KeyError:
            raise Missing(name) from None

    def __setitem__(self, name, value):
        self._written.add(name)
        if self._secrets is not None:
            self._secrets.note(name, value)
        super().__setitem__(name, value)

    def update(self, *args, **kwargs):
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def __ior__(self, other):
        self.update(other)
        return self

    def setdefault(self, name, default=None):
        if name not in self:
            self[name] = default
        return self[name]

    def copy(self):
        return Scope(self)

    def __reduce__(self):
        return (Scope, (dict(self),))


class Secrets:
    """The texts of what scripts save under the names of secrets: what is overwritten or deleted again was written to logs too."""

    _MOST = 10_000

    def __init__(self, paths, too_many):
        """`paths` are names or lead into what stands there, `a.b`: a name may hold dots, so that each reading counts.

        `too_many()` is called for each value beyond the most; `over` says that there was one: nothing can be masked then.
        """
        self._paths, self._texts, self._too_many = paths, {}, too_many
        self.over = False

    def watch(self, scope):
        object.__setattr__(scope, '_secrets', self)

    def note(self, name, value):
        self._note_below([(name, value)], self._paths)
        if len(self._texts) > self._MOST:
            self.over = True
            self._too_many()

    def _note_below(self, members, paths):
        for name, value in members:
            name = str(name)
            if name in paths:
                self._add(value, 0)
            elif below := [path[len(name) + 1 :] for path in paths if path.startswith(f'{name}.')]:
                if isinstance(value, dict):
                    self._note_below(dict.items(value), below)
                elif isinstance(value, (list, tuple)):
                    self._note_below(enumerate(value), below)

    def taken(self):
        """The texts since the last call."""
        texts, self._texts = self._texts, {}
        return list(texts)

    def _add(self, value, depth):
        if value is None or isinstance(value, bool) or depth > _DEPTH:
            return
        if isinstance(value, dict):
            value = dict.values(value)
        elif isinstance(value, (bytes, bytearray)):
            value = value.decode('utf-8', 'replace')
        elif not isinstance(value, (str, list, tuple, set, frozenset)):
            try:
                value = str(value)
            except Exception:
                return
        if isinstance(value, str):
            if value:
                self._texts[str(value)] = None
            return
        for item in value:
            self._add(item, depth + 1)


def load(scope, values):
    """Makes `scope` hold `values` before a script. What the host did not change stays the very object that a script put there."""
    known, members = {}, {}
    for key, value in values.items():
        text = _plain(value)
        name, sent = scope._known.get(key, (key, None))
        if sent == text and name in scope:
            members[name] = dict.__getitem__(scope, name)
        else:
            name = key
            members[name] = value
        known[key] = (name, text)
    dict.clear(scope)
    dict.update(scope, members)
    scope._remember(known)


def collect(scope, warn):
    """(JSON text of the scope, {'set': {name: JSON text}, 'deleted': [names]}) after a script.

    `warn(name)` is called for each new value that JSON cannot hold: it stands as its text, and stays what it is for scripts of the run.
    """
    known, changed = {}, {}
    for name, value in dict.items(scope):
        key, (text, exact) = _key(name), text_of(value)
        if name in scope._written or scope._known.get(key, (name, None))[1] != text:
            changed[key] = text
            if not exact:
                warn(name)
        known[key] = (name, text)
    deleted = [key for key in scope._known if key not in known]
    scope._remember(known)
    whole = '{' + ', '.join([f'{_plain(key)}: {text}' for key, (_, text) in known.items()]) + '}'
    return whole, {'set': changed, 'deleted': deleted}


def text_of(value):
    """(the value as a JSON text, whether it is all of it). Numbers are written as Python prints them."""
    try:
        return _plain(value), True
    except (TypeError, ValueError, RecursionError):
        return _plain(_storable(value, ())), False


def _storable(value, above):
    """The value with the text of whatever JSON cannot hold."""
    if isinstance(value, _LEAVES):
        finite = isinstance(value, str) or value is None or value * 0 == 0 and abs(value) < 10**4000
        return value if finite else _text(value)
    if isinstance(value, Number) and not isinstance(value, complex):
        return _number(value)
    if id(value) in above or len(above) >= _DEPTH or not isinstance(value, (dict, list, tuple)):
        return _text(value)
    above = (*above, id(value))
    if not isinstance(value, dict):
        return [_storable(item, above) for item in value]
    return {
        name if isinstance(name, _LEAVES) else _text(name): _storable(item, above)
        for name, item in dict.items(value)
    }


def _number(value):
    """A Decimal or a Fraction: a whole number, or the nearest float."""
    try:
        whole = int(value)
        nearest = whole if whole == value and '.' not in str(value) else float(value)
        return nearest if nearest * 0 == 0 else _text(value)
    except (ArithmeticError, TypeError, ValueError):
        return _text(value)


def _text(value):
    try:
        return str(value)[:_TEXT_CHARS]
    except Exception:
        return type(value).__name__


def _key(name):
    """The name as JSON writes it: `True` is `true`, numbers are their text."""
    if isinstance(name, str):
        return name
    try:
        return next(iter(json.loads(_plain({name: 0}))))
    except (TypeError, ValueError):
        return _text(name)


def replace(old, new):
    """`new` in the very objects of `old`, so that what a script remembers of them stays true."""
    if isinstance(old, dict) and isinstance(new, dict):
        merged = {name: replace(old[name], value) if name in old else value for name, value in new.items()}
        dict.clear(old)
        dict.update(old, merged)
        return old
    if isinstance(old, list) and isinstance(new, list):
        old[:] = [replace(old[index], value) if index < len(old) else value for index, value in enumerate(new)]
        return old
    return new
