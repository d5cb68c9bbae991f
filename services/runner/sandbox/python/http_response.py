"""`response`: an HTTP answer that reads like one of the requests package."""
import json
import re
from base64 import b64decode
from collections.abc import Mapping, MutableMapping
from datetime import timedelta
from urllib.parse import urljoin

import requests_names as requests


class CaseInsensitiveDict(MutableMapping):
    """Headers: names without regard to case, shown as they came."""

    def __init__(self, items=()):
        self._items = {}
        for name, value in items.items() if isinstance(items, Mapping) else items:
            # Repeated headers stand in one value, as requests shows them.
            known = self._items.get(name.lower())
            self._items[name.lower()] = (known[0], f'{known[1]}, {value}') if known else (name, value)

    def __getitem__(self, name):
        return self._items[name.lower()][1]

    def __setitem__(self, name, value):
        self._items[name.lower()] = (name, value)

    def __delitem__(self, name):
        del self._items[name.lower()]

    def __iter__(self):
        return (name for name, _ in self._items.values())

    def __len__(self):
        return len(self._items)

    def __eq__(self, other):
        if not isinstance(other, Mapping):
            return NotImplemented
        return {k.lower(): v for k, v in self.items()} == {k.lower(): v for k, v in other.items()}

    __hash__ = None

    def lower_items(self):
        return ((name, value) for name, (_, value) in self._items.items())

    def copy(self):
        return CaseInsensitiveDict(self._items.values())

    def __repr__(self):
        return str(dict(self.items()))


class Cookie:
    """One cookie: name, value, domain, path."""

    def __init__(self, name, value, domain='', path='/'):
        self.name, self.value, self.domain, self.path = name, value, domain, path

    def __repr__(self):
        return f'<Cookie {self.name}={self.value} for {self.domain}{self.path}>'


class Cookies(MutableMapping):
    """The cookies of an answer, by name; iterating yields Cookie objects as in requests."""

    def __init__(self, cookies=()):
        self._cookies = [Cookie(**cookie) for cookie in cookies]

    def _named(self, name):
        return [cookie for cookie in self._cookies if cookie.name == name]

    def __getitem__(self, name):
        found = self._named(name)
        if not found:
            raise KeyError(f"name='{name}', domain=None, path=None")
        return found[0].value

    def __setitem__(self, name, value):
        self._cookies = [*(cookie for cookie in self._cookies if cookie.name != name), Cookie(name, value)]

    set = __setitem__

    def __delitem__(self, name):
        self[name]
        self._cookies = [cookie for cookie in self._cookies if cookie.name != name]

    def __iter__(self):
        return iter(self._cookies)

    def __len__(self):
        return len(self._cookies)

    def __contains__(self, name):
        return bool(self._named(name))

    def get(self, name, default=None, domain=None, path=None):
        for cookie in self._named(name):
            if domain in (None, cookie.domain) and path in (None, cookie.path):
                return cookie.value
        return default

    def get_dict(self, domain=None, path=None):
        return {c.name: c.value for c in self._cookies if domain in (None, c.domain) and path in (None, c.path)}

    def keys(self):
        return [cookie.name for cookie in self._cookies]

    def values(self):
        return [cookie.value for cookie in self._cookies]

    def items(self):
        return [(cookie.name, cookie.value) for cookie in self._cookies]

    def list_domains(self):
        return list(dict.fromkeys(cookie.domain for cookie in self._cookies))

    def __repr__(self):
        return f'<RequestsCookieJar[{", ".join(map(repr, self._cookies))}]>'


class SentRequest:
    """The request that was really sent. `body` is str for a text or a form, bytes for JSON and files, None without one."""

    def __init__(self, method, url, headers, body, bodyBase64=None):
        self.method, self.url = method, url
        self.body = body if bodyBase64 is None else b64decode(bodyBase64)
        self.headers = CaseInsensitiveDict(headers)

    @property
    def path_url(self):
        return re.sub(r'^[a-z]+://[^/?#]*', '', self.url.partition('#')[0], flags=re.I) or '/'

    def __repr__(self):
        return f'<PreparedRequest [{self.method}]>'


class Response:
    """What teardown scripts read. `text` of an answer that names no charset is UTF-8 when it is valid UTF-8."""

    def __init__(self, answer, content=None):
        self.status_code = answer['status']
        self.reason = answer['reason']
        self.url = answer['url']
        self.headers = CaseInsensitiveDict(answer['headers'])
        self.encoding = answer['encoding']
        self._told_encoding = self.encoding if 'charset=' in self.headers.get('content-type', '').lower() else None
        self._first_encoding = self.encoding
        self.content = b64decode(answer['bodyBase64']) if content is None else content
        self.elapsed = timedelta(milliseconds=answer['elapsedMs'])
        self.cookies = Cookies(answer['cookies'])
        self.history = [Response(hop) for hop in answer['history']]
        self.request = SentRequest(**answer['request'])

    @property
    def status_cede(self):
        return self.status_code

    @property
    def ok(self):
        return not 400 <= self.status_code < 600

    def __bool__(self):
        return self.ok

    def __repr__(self):
        return f'<Response [{self.status_code}]>'

    @property
    def apparent_encoding(self):
        if not self.content:
            return 'utf-8'
        try:
            self.content.decode('ascii')
            return 'ascii'
        except UnicodeDecodeError:
            pass
        try:
            self.content.decode('utf-8')
            return 'utf-8'
        except UnicodeDecodeError:
            return 'ISO-8859-1'

    @property
    def text(self):
        if self.encoding == self._first_encoding and not self._told_encoding:
            try:
                return self.content.decode('utf-8-sig' if self.encoding is None else 'utf-8')
            except UnicodeDecodeError:
                pass
        try:
            return self.content.decode(self.encoding or 'latin-1', 'replace')
        except LookupError:
            return self.content.decode('utf-8', 'replace')

    def json(self, **kwargs):
        """The body read as JSON; requests.exceptions.JSONDecodeError (a ValueError) when it is none."""
        if not self.encoding and len(self.content) > 3:
            try:
                return json.loads(self.content.decode(json.detect_encoding(self.content)), **kwargs)
            except UnicodeDecodeError:
                pass
            except json.JSONDecodeError as problem:
                raise requests.exceptions.JSONDecodeError(problem.msg, problem.doc, problem.pos) from None
        try:
            return json.loads(self.text, **kwargs)
        except json.JSONDecodeError as problem:
            raise requests.exceptions.JSONDecodeError(problem.msg, problem.doc, problem.pos) from None

    @property
    def is_redirect(self):
        return 'location' in self.headers and self.status_code in (301, 302, 303, 307, 308)

    @property
    def is_permanent_redirect(self):
        return 'location' in self.headers and self.status_code in (301, 308)

    @property
    def next(self):
        """What a redirect asks for, None of any other answer. Where redirects are followed it was sent, else it was not."""
        if not self.is_redirect:
            return None
        sent = self.request
        method, body = sent.method, sent.body
        if self.status_code in (302, 303) and method != 'HEAD' or self.status_code == 301 and method == 'POST':
            method = 'GET'
        headers = {name: value for name, value in sent.headers.items() if name.lower() != 'cookie'}
        if self.status_code not in (307, 308):
            body = None
            gone = ('content-length', 'content-type', 'transfer-encoding')
            headers = {name: value for name, value in headers.items() if name.lower() not in gone}
        return SentRequest(method, urljoin(self.url, self.headers['location']), headers, body)

    @property
    def links(self):
        """The Link header by `rel` (or by address without one)."""
        found = {}
        for link in re.split(r', *<', self.headers.get('link', '').strip('<')):
            address, _, rest = link.partition('>')
            if address:
                parts = re.findall(r';\s*([^=;\s]+)\s*=\s*"?([^";]*)"?', rest)
                entry = {'url': address, **{name: value.strip() for name, value in parts}}
                found[entry.get('rel') or address] = entry
        return found

    def raise_for_status(self):
        """requests.exceptions.HTTPError for 4xx and 5xx."""
        if not self.ok:
            side = 'Client' if self.status_code < 500 else 'Server'
            problem = requests.exceptions.HTTPError(
                f'{self.status_code} {side} Error: {self.reason} for url: {self.url}', response=self
            )
            raise problem

    def iter_content(self, chunk_size=1, decode_unicode=False):
        content = self.text if decode_unicode else self.content
        size = chunk_size or len(content) or 1
        return (content[at : at + size] for at in range(0, len(content), size))

    def iter_lines(self, chunk_size=512, decode_unicode=False, delimiter=None):
        content = self.text if decode_unicode else self.content
        return iter(content.split(delimiter) if delimiter else content.splitlines())

    def __iter__(self):
        return self.iter_content(128)

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
