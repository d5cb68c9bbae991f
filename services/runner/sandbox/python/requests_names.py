"""The names that scripts import from `requests`: its exceptions and codes. Scripts have no network, so nothing can be sent."""
import json
import types
from http import HTTPStatus


class RequestException(IOError):
    def __init__(self, *args, **kwargs):
        self.response = kwargs.pop('response', None)
        self.request = kwargs.pop('request', None) or getattr(self.response, 'request', None)
        super().__init__(*args)


class InvalidJSONError(RequestException):
    pass


class JSONDecodeError(InvalidJSONError, json.JSONDecodeError):
    def __init__(self, msg, doc, pos):
        json.JSONDecodeError.__init__(self, msg, doc, pos)
        InvalidJSONError.__init__(self, *self.args)

    def __str__(self):
        """As requests 2.27 has it, which takes the parts for those of an error of the system."""
        return f'[Errno {self.msg}] {self.doc}: {self.pos!r}'


_KINDS = {
    'HTTPError': (RequestException,),
    'ConnectionError': (RequestException,),
    'ProxyError': ('ConnectionError',),
    'SSLError': ('ConnectionError',),
    'Timeout': (RequestException,),
    'ConnectTimeout': ('ConnectionError', 'Timeout'),
    'ReadTimeout': ('Timeout',),
    'URLRequired': (RequestException,),
    'TooManyRedirects': (RequestException,),
    'MissingSchema': (RequestException, ValueError),
    'InvalidSchema': (RequestException, ValueError),
    'InvalidURL': (RequestException, ValueError),
    'InvalidHeader': (RequestException, ValueError),
    'InvalidProxyURL': ('InvalidURL',),
    'ChunkedEncodingError': (RequestException,),
    'ContentDecodingError': (RequestException,),
    'StreamConsumedError': (RequestException, TypeError),
    'RetryError': (RequestException,),
    'UnrewindableBodyError': (RequestException,),
}

exceptions = types.ModuleType('requests.exceptions')
exceptions.RequestException = RequestException
exceptions.InvalidJSONError = InvalidJSONError
exceptions.JSONDecodeError = JSONDecodeError
for _name, _bases in _KINDS.items():
    _kind = type(_name, tuple(getattr(exceptions, b) if isinstance(b, str) else b for b in _bases), {})
    setattr(exceptions, _name, _kind)
for _kind in vars(exceptions).values():
    if isinstance(_kind, type):
        _kind.__module__ = 'requests.exceptions'

HTTPError, ConnectionError, Timeout = exceptions.HTTPError, exceptions.ConnectionError, exceptions.Timeout
ConnectTimeout, ReadTimeout = exceptions.ConnectTimeout, exceptions.ReadTimeout
TooManyRedirects, URLRequired = exceptions.TooManyRedirects, exceptions.URLRequired

# `codes.not_found`, `codes.OK`: each status by its name, and by the short ones that are used most.
codes = types.SimpleNamespace(okay=200, all_ok=200, bad=400, server_error=500)
for _status in HTTPStatus:
    setattr(codes, _status.name, _status.value)
    setattr(codes, _status.name.lower(), _status.value)

utils = types.ModuleType('requests.utils')
utils.dict_from_cookiejar = lambda jar: {cookie.name: cookie.value for cookie in jar}


def request(*_, **__):
    """Refuses: the case's own request is the only one."""
    raise exceptions.ConnectionError('脚本中没有网络，不能发送请求')


get = post = put = patch = delete = head = options = Session = session = request
