"""Variables that scripts see: dicts with attribute access, what a script changed in them, and their way to JSON."""
import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

_plain = json.JSONEncoder(allow_nan=False).encode
# JSON cannot hold these, but a reference in a case shows their text, so that the text is what is kept.
_KEPT_AS_TEXT = (datetime, date, time, timedelta, Decimal, Fraction, UUID, complex)
_LEAVES = (str, int, float, bool, type(None))
_DEPTH = 200


class Scope(dict):
    """A dict whose keys are attributes too. It notes what scripts write."""

    __slots__ = ('_written', '_loaded', '_local', '_secrets')

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._forget()
        object.__setattr__(self, '_local', {})
        object.__setattr__(self, '_secrets', None)

    def _forget(self):
        object.__setattr__(self, '_written', set())
        object.__setattr__(self, '_loaded', {})

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        self[name] = value

    def __delattr__(self, name):
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

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
    """Makes `scope` hold `values` before a script. What JSON could not hold stays, for it never left this process."""
    local = {name: value for name, value in scope._local.items() if name not in values}
    dict.clear(scope)
    dict.update(scope, values)
    dict.update(scope, local)
    scope._forget()
    for name, value in values.items():
        # Of a list or an object the text tells afterwards whether a script changed something inside.
        scope._loaded[name] = _plain(value) if isinstance(value, (dict, list)) else None


def collect(scope, label, warn):
    """(JSON text of the scope, {'set': {name: JSON text}, 'deleted': [names]}) after a script.

    `warn(text)` is called for each value that JSON cannot hold: it is left out, or kept as its text.
    """
    texts, changed, local = {}, {}, {}
    for name, value in dict.items(scope):
        known = name in scope._local and scope._local[name] is value
        text = text_of(value, f'{label}[{name!r}]', _silent if known else warn)
        if text is None:
            local[name] = value
            continue
        key = _key(name)
        texts[key] = text
        if name in scope._written or scope._loaded.get(name) not in (None, text):
            changed[key] = text
    object.__setattr__(scope, '_local', local)
    whole = '{' + ', '.join([f'{_plain(name)}: {text}' for name, text in texts.items()]) + '}'
    return whole, {'set': changed, 'deleted': [name for name in scope._loaded if name not in texts]}


def _silent(_):
    """A value that was warned about once is not warned about again."""


def text_of(value, label, warn):
    """The value as a JSON text, None when there is none. Numbers are written as Python prints them."""
    try:
        return _plain(value)
    except (TypeError, ValueError, RecursionError):
        kept = _storable(value, label, warn, ())
        return None if kept is _DROPPED else _plain(kept)


_DROPPED = object()


def _storable(value, label, warn, above):
    """The value with all that JSON cannot hold left out."""
    if isinstance(value, float) and value * 0 != 0 or isinstance(value, int) and abs(value) >= 10**4000:
        warn(f'{label} 的值不能保存为JSON，已忽略：{type(value).__name__}')
        return _DROPPED
    if isinstance(value, _LEAVES):
        return value
    if isinstance(value, _KEPT_AS_TEXT):
        warn(f'{label} 的值不能保存为JSON，已按文本保存：{value}')
        return str(value)
    if id(value) in above or len(above) >= _DEPTH or not isinstance(value, (dict, list, tuple)):
        warn(f'{label} 的值不能保存为JSON，已忽略：{type(value).__name__}')
        return _DROPPED
    above = (*above, id(value))
    if not isinstance(value, dict):
        kept = (_storable(item, f'{label}[{index}]', warn, above) for index, item in enumerate(value))
        return [item for item in kept if item is not _DROPPED]
    whole = {}
    for name, item in dict.items(value):
        if not isinstance(name, _LEAVES):
            warn(f'{label} 的键不能保存为JSON，已忽略：{type(name).__name__}')
            continue
        kept = _storable(item, f'{label}[{name!r}]', warn, above)
        if kept is not _DROPPED:
            whole[name] = kept
    return whole


def _key(name):
    """The name as JSON writes it: `True` is `true`, numbers are their text."""
    return name if isinstance(name, str) else next(iter(json.loads(_plain({name: 0}))))


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
