"""`db`: the environment's databases. Statements travel to the host and rows back, values as texts with their kinds."""
import base64
import datetime
import decimal
import json
import re

_LIST_TYPES = (list, tuple, set, frozenset)


class DatabaseError(Exception):
    """What a database or the way to it says: `args` are MySQL's number and sentence, or a sentence alone.

    `pgcode` is Postgres' code, None where there is none.
    """

    pgcode = None


class Databases:
    """A database of the environment for each attribute, and each item."""

    DatabaseError = DatabaseError

    def __init__(self, names, ask):
        self.__dict__.update({name: Database(name, ask) for name in names})
        self.__names = tuple(names)

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        raise AttributeError(self.__missing(name))

    def __getitem__(self, name):
        if name in self.__names:
            return self.__dict__[name]
        raise KeyError(self.__missing(name))

    def __missing(self, name):
        names = '、'.join(self.__names)
        told = f'已配置的有：{names}' if names else '环境的 db 中没有任何数据库'
        return f'环境中没有名为 {name} 的数据库，{told}'


class Database:
    """One database. Each statement commits by itself; all of a run's statements share one session."""

    def __init__(self, name, ask):
        self.__name, self.__ask = name, ask

    def execute(self, sql, params=None):
        """The first row as a dict, None when there is none. `params` stand for `%s` (a list) or `%(name)s` (a dict)."""
        rows = self.__rows(sql, params, False)
        return rows[0] if rows else None

    def execute_all(self, sql, params=None):
        """All rows, a list of dicts."""
        return self.__rows(sql, params, True)

    def __rows(self, sql, params, every):
        if not isinstance(sql, str):
            raise TypeError(f'sql 必须是字符串，不能是 {type(sql).__name__}')
        question = {'db': self.__name, 'sql': sql, 'params': _parameters(params), 'all': every}
        answer = self.__ask(question)
        if answer is None:
            raise DatabaseError('SQL 和参数超过 1 MiB 的限制')
        if 'error' in answer:
            problem = DatabaseError(*answer['error'])
            problem.pgcode = answer['pgcode']
            raise problem
        names = [name for name, _ in answer['columns']]
        readers = [_reader(kind) for _, kind in answer['columns']]
        return [
            {name: None if text is None else read(text) for name, read, text in zip(names, readers, row)}
            for row in answer['rows']
        ]


def _parameters(params):
    if params is None:
        return None
    if isinstance(params, dict):
        return {str(name): _parameter(value) for name, value in params.items()}
    if isinstance(params, (list, tuple)):
        return [_parameter(value) for value in params]
    return [_parameter(params)]


def _parameter(value):
    if isinstance(value, _LIST_TYPES):
        return ['list', [_scalar(each) for each in value]]
    return _scalar(value)


def _scalar(value):
    if value is None:
        return None
    if isinstance(value, (dict, *_LIST_TYPES)):
        raise TypeError(f'SQL 的参数不能是 {type(value).__name__}')
    if isinstance(value, (bytes, bytearray, memoryview)):
        return ['bytes', base64.b64encode(value).decode()]
    for types, kind, write in _WRITERS:
        if isinstance(value, types):
            return [kind, write(value)]
    return ['str', str(value)]


def _written_duration(value):
    sign = '-' if value < datetime.timedelta(0) else ''
    value = abs(value)
    minutes, seconds = divmod(value.days * 86_400 + value.seconds, 60)
    fraction = f'.{value.microseconds:06d}' if value.microseconds else ''
    return f'{sign}{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}{fraction}'


# In this order: bool is an int, a datetime is a date. A subclass writes as the type it comes from (an IntEnum as its number).
_WRITERS = (
    (bool, 'bool', lambda value: str(bool(value))),
    (int, 'int', int.__repr__),
    (float, 'float', float.__repr__),
    (decimal.Decimal, 'decimal', lambda value: format(value, 'f')),
    (str, 'str', str.__str__),
    (datetime.datetime, 'datetime', lambda value: value.isoformat(' ')),
    (datetime.date, 'str', lambda value: value.isoformat()),
    (datetime.time, 'str', lambda value: value.isoformat()),
    (datetime.timedelta, 'str', _written_duration),
)


def _or_text(read):
    """Dates that Python cannot hold (the year 0, infinity) stay texts."""

    def reader(text):
        try:
            return read(text)
        except (ValueError, OverflowError):
            return text

    return reader


_CLOCK = re.compile(r'([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?')
_UNIT = re.compile(r'([+-]?\d+) (year|mon|day)s?')
_UNIT_DAYS = {'year': 365, 'mon': 30, 'day': 1}


def _duration(text):
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        raise ValueError(text)
    sign, hours, minutes, seconds, fraction = clock.groups()
    span = datetime.timedelta(
        hours=int(hours), minutes=int(minutes), seconds=int(seconds), microseconds=int((fraction or '').ljust(6, '0'))
    )
    return -span if sign == '-' else span


def _interval(text):
    """Years are 365 days and months 30, as psycopg2 has it."""
    days = sum(int(count) * _UNIT_DAYS[unit] for count, unit in _UNIT.findall(text))
    clock = _UNIT.sub('', text).strip()
    return datetime.timedelta(days) + (_duration(clock) if clock else datetime.timedelta(0))


_READERS = {
    'int': int,
    'float': float,
    'decimal': decimal.Decimal,
    'bool': lambda text: text == 't',
    'str': lambda text: text,
    'base64': base64.b64decode,
    'hex': lambda text: bytes.fromhex(text[2:]),
    'date': _or_text(datetime.date.fromisoformat),
    'datetime': _or_text(datetime.datetime.fromisoformat),
    'time': _or_text(datetime.time.fromisoformat),
    'duration': _or_text(_duration),
    'interval': _or_text(_interval),
    'json': json.loads,
}


def _reader(kind):
    array, _, element = kind.rpartition(':')
    return _array(_READERS[element]) if array else _READERS[element]


def _array(read):
    def reader(value):
        if isinstance(value, list):
            return [None if each is None else reader(each) for each in value]
        return read(value)

    return reader
