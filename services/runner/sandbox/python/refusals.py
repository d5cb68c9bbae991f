"""What Python promises and scripts cannot have, refused in words: the network, a keyboard, a debugger."""
import builtins
import errno
import socket
import sys

_LOOK_UPS = ('getaddrinfo', 'gethostbyaddr', 'gethostbyname', 'gethostbyname_ex', 'getnameinfo', 'socketpair')


def _no_network(*_, **__):
    raise OSError(errno.ENETUNREACH, '脚本中没有网络')


def _no_input(*_):
    raise EOFError('脚本中没有键盘输入，不能使用 input()')


def _no_debugger(*_, **__):
    raise RuntimeError('脚本中没有调试器，不能使用 breakpoint()')


def install():
    """For kind words alone: without them the same fails by errors of the C library."""
    for name in _LOOK_UPS:
        setattr(socket, name, _no_network)
    socket.socket.__init__ = _no_network
    builtins.input = _no_input
    sys.breakpointhook = _no_debugger
