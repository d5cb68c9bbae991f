"""Closes what leads out of the interpreter: the bridge to JavaScript, native modules, and the importers of both.

Nothing here is the only wall: the host functions behind these modules are stubs by then, and the process itself is
locked in. It keeps a script from even trying.
"""
import gc
import sys

# The bridge and its relatives; their objects are emptied, for references to them may live on.
_BRIDGE = frozenset(('js', 'pyodide_js', 'pyodide', '_pyodide', '_pyodide_core', 'micropip'))
# What has no meaning here, or gives raw memory, other interpreters or other processes.
DENIED = _BRIDGE | frozenset(
    (
        '_ctypes', '_interpchannels', '_interpqueues', '_interpreters', '_posixsubprocess', '_remote_debugging', '_ssl',
        '_testbuffer', '_testcapi', '_testclinic', '_testclinic_limited', '_testinternalcapi', '_testlimitedcapi',
        '_xxsubinterpreters', '_xxtestfuzz', 'ctypes', 'faulthandler', 'fcntl', 'mmap', 'multiprocessing', 'pty', 'ssl',
        'termios', 'tty', 'webbrowser', 'xxsubtype',
    )
)  # fmt: skip


class _Denied:
    """First in sys.meta_path: says why a module is not there."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition('.')[0] in DENIED:
            raise ImportError(f'module {name!r} is not available in scripts', name=name)
        return None


def preload():
    """Loads every native module that scripts may have, for none can be loaded later."""
    for name in sys.builtin_module_names:
        if name not in DENIED:
            __import__(name)


def seal():
    """Shuts the interpreter. Nothing of it can be undone from Python."""
    import _frozen_importlib
    import _imp

    sys.meta_path[:] = [
        _Denied,
        *(finder for finder in sys.meta_path if getattr(finder, '__name__', '') in ('FrozenImporter', 'PathFinder')),
    ]
    # Every importer of native modules ends in these four; no other reference to them exists.
    for name in ('create_builtin', 'exec_builtin', 'create_dynamic', 'exec_dynamic'):
        delattr(_imp, name)
    _frozen_importlib.BuiltinImporter.find_spec = classmethod(lambda cls, name, path=None, target=None: None)
    for name in [name for name in sys.modules if name.partition('.')[0] in DENIED]:
        module = sys.modules.pop(name)
        if name.partition('.')[0] in _BRIDGE:
            getattr(module, '__dict__', {}).clear()
    vars(sys.modules['__main__']).clear()
    # What is here by now stays: no later collection looks at it again.
    gc.freeze()
