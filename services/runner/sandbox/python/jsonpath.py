"""JSONPath as users of the Python package jsonpath 0.82 know it.

`jsonpath(obj, path)` answers the list of matches, or False when there is none. `a.b` is `$.a.b`; `$` alone is the
root. Filters and index scripts are Python expressions in which `@` is the element.
"""
import re
from functools import lru_cache

__all__ = ['jsonpath']

_ACCESS = r"(?:\.[^\W\d]\w*|\[\s*(?:-?\d+|'[^']*'|\"[^\"]*\")\s*\])*"
_TOKEN = re.compile(
    r"""(?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
    rf"""|(?P<absent>!\s*@(?:\.[^\W\d]\w*)+)|(?P<element>@{_ACCESS})"""
    r"""|(?P<both>&&)|(?P<either>\|\|)|(?P<differs>!=)|(?P<negation>!)|(?P<other>.)""",
    re.S,
)
_PART = re.compile(r"\.([^\W\d]\w*)|\[\s*([^\]]*?)\s*\]")
_SLICE = re.compile(r'\s*(-?\d*)\s*:\s*(-?\d*)\s*:?\s*(-?\d*)\s*$')
_INDEX = re.compile(r'\d+$')
_NAMES_IN_EXPRESSIONS = {
    '__builtins__': {
        name: value
        for name, value in vars(__import__('builtins')).items()
        if name in ('len', 'int', 'str', 'float', 'bool', 'abs', 'min', 'max', 'sum', 'any', 'all', 'round', 'sorted',
                    'list', 'dict', 'set', 'tuple', 'isinstance', 'type', 'True', 'False', 'None')
    }
}


def jsonpath(obj, expr, result_type='VALUE', debug=0, use_eval=True):
    """The matches of `expr` in `obj` as a list, False without any.

    `result_type`: VALUE, or PATH (`$['a'][0]`), or IPATH (lists of names).
    """
    if not isinstance(expr, str) or not expr:
        return False
    found = list(_walk(_parse(expr), 0, obj, ()))
    if not found:
        return False
    if result_type == 'VALUE':
        return [value for value, _ in found]
    if result_type == 'IPATH':
        return [[str(name) for name in path] for _, path in found]
    return ['$' + ''.join(f'[{name}]' if isinstance(name, int) else f"['{name}']" for name in path) for _, path in found]


@lru_cache(maxsize=512)
def _parse(expr):
    """The steps of a path: ('names', [...]), ('all',), ('deep',), ('slice', a, b, c), ('script', code), ('filter', code)."""
    at, steps = (1 if expr[0] == '$' and (len(expr) == 1 or expr[1] in '.[;') else 0), []
    while at < len(expr):
        if expr.startswith('..', at):
            steps.append(('deep',))
            at += 2
        elif expr[at] == '.':
            at += 1
        elif expr[at] == '[':
            end = _closing(expr, at)
            steps.append(_bracket(expr[at + 1:end]))
            at = end + 1
        else:
            end = at
            while end < len(expr) and expr[end] not in '.[':
                end += 1
            steps.append(_bracket(expr[at:end]) if ',' in expr[at:end] else _name(expr[at:end]))
            at = end
    return tuple(steps)


def _closing(expr, at):
    """The index of the bracket that closes the one at `at`; quotes hide brackets."""
    depth, quote = 0, ''
    for index in range(at, len(expr)):
        char = expr[index]
        if quote:
            quote = '' if char == quote else quote
        elif char in '\'"':
            quote = char
        elif char in '[(':
            depth += 1
        elif char in '])':
            depth -= 1
            if depth == 0:
                return index
    return len(expr)


def _name(text):
    return ('all',) if text == '*' else ('names', (text,))


def _bracket(inner):
    inner = inner.strip()
    if inner.startswith('?(') and inner.endswith(')'):
        return ('filter', _code(inner[2:-1]))
    if inner.startswith('(') and inner.endswith(')'):
        return ('script', _code(inner[1:-1]))
    if inner[:1] in ('\'', '"') and inner[-1:] == inner[:1] and inner.count(inner[0]) == 2:
        return ('all',) if inner[1:-1] == '*' else ('names', (inner[1:-1],))
    bounds = _SLICE.match(inner)
    if bounds:
        return ('slice', *(int(bound) if bound not in ('', '-') else None for bound in bounds.groups()))
    if ',' in inner:
        return ('names', tuple(part.strip().strip('\'"') for part in inner.split(',')))
    return _name(inner)


def _code(source):
    """Compiled Python of an expression about `@`; None when it is none (then nothing matches)."""
    try:
        return compile(''.join(_translated(token) for token in _TOKEN.finditer(source)).strip(), '<jsonpath>', 'eval')
    except (SyntaxError, ValueError):
        return None


def _translated(token):
    kind, text = token.lastgroup, token.group()
    if kind == 'element':
        return _element(text[1:])
    if kind == 'absent':
        *path, last = re.findall(r'\.(\w+)', text)
        return f' ({last!r} not in {_element("".join("." + name for name in path))})'
    return {'both': ' and ', 'either': ' or ', 'negation': ' not '}.get(kind, text)


def _element(access):
    value = '__element'
    for part in _PART.finditer(access):
        name, index = part.groups()
        if name == 'length':
            value = f'len({value})'
        else:
            value += f'[{name!r}]' if name else f'[{index}]'
    return value


def _evaluated(code, element):
    if code is None:
        return None
    try:
        return eval(code, dict(_NAMES_IN_EXPRESSIONS), {'__element': element})
    except Exception:
        # A name that this element does not have is no match, not an error of the path.
        return None


def _walk(steps, at, value, path):
    """Yields (value, path) of each match of the steps from `at` on."""
    if at == len(steps):
        yield value, path
        return
    kind, *details = steps[at]
    if kind == 'deep':
        yield from _walk(steps, at + 1, value, path)
        if isinstance(value, (dict, list)) or at + 1 == len(steps):
            for name, child in _children(value):
                yield from _walk(steps, at, child, (*path, name))
    elif kind == 'all':
        for name, child in _children(value):
            yield from _walk(steps, at + 1, child, (*path, name))
    elif kind == 'filter':
        for name, child in _children(value):
            if _evaluated(details[0], child):
                yield from _walk(steps, at + 1, child, (*path, name))
    elif kind == 'slice':
        for index in _indexes(value, *details):
            yield from _walk(steps, at + 1, value[index], (*path, index))
    else:
        names = details[0] if kind == 'names' else (str(_evaluated(details[0], value)),)
        for name in names:
            for key in _keys(value, name):
                yield from _walk(steps, at + 1, value[key], (*path, key))


def _children(value):
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _keys(value, name):
    if isinstance(value, dict):
        return [name] if name in value else []
    if isinstance(value, list) and _INDEX.match(name) and int(name) < len(value):
        return [int(name)]
    return []


def _indexes(value, start, end, step):
    if not isinstance(value, list) or step == 0:
        return []
    size = len(value)

    def clamped(bound, default):
        if bound is None:
            return default
        return max(0, bound + size) if bound < 0 else min(size, bound)

    return [index for index in range(clamped(start, 0), clamped(end, size), step or 1) if 0 <= index < size]
