/**
 * Ways out of a sandbox that scripts may try, for its tests. Each prints REACHED when it got hold of something that is
 * not the script's own; the test looks at the host as well.
 */

/** What on the host an attempt would like to touch. */
export interface Prey {
  secretFile: string
  markerFile: string
  port: number
}

/** Prints REACHED when any of the given JavaScript-like objects can run code. */
const TRY_OBJECTS = `
def try_objects(objects):
    for each in objects:
        for name in ('constructor', 'eval', 'process', 'globalThis', 'FS', '_api'):
            try:
                got = getattr(each, name)
                ran = got.constructor('return process.pid')() if name == 'constructor' else got
                if ran is not None and str(ran) not in ('None', ''):
                    print('REACHED', type(each), name, ran)
            except BaseException:
                pass
`

export const ESCAPE_ATTEMPTS: Readonly<Record<string, (prey: Prey) => string>> = {
  'the js module': () => `import js\nprint('REACHED', js.process.env)`,
  'mounting the host disk': ({ secretFile }) => `
import os, pyodide_js
os.makedirs('/mnt/host')
pyodide_js.FS.mount(pyodide_js.FS.filesystems.NODEFS, {'root': '/'}, '/mnt/host')
print('REACHED', open('/mnt/host${secretFile}').read())`,
  'the api of the loader': () => `import pyodide_js\nprint('REACHED', pyodide_js._api.loadBinaryFile)`,
  run_js: () => `from pyodide.code import run_js\nprint('REACHED', run_js('process.pid'))`,
  'the core of the bridge': () => `import _pyodide_core\nprint('REACHED', dir(_pyodide_core))`,
  'objects of JavaScript that gc still knows': () => `${TRY_OBJECTS}
import gc
gc.unfreeze()
try_objects([o for o in gc.get_objects() if 'Js' in type(o).__name__ or 'pyodide' in str(type(o).__module__)])`,
  'modules of the bridge that gc still knows': () => `
import gc, types
gc.unfreeze()
for o in gc.get_objects():
    if isinstance(o, types.ModuleType) and o.__dict__ and 'pyodide' in str(o.__dict__.get('__name__')):
        print('REACHED', o.__name__, list(o.__dict__)[:5])
    if isinstance(o, types.FunctionType) and 'pyodide' in str(o.__module__) and 'run_js' in o.__globals__:
        print('REACHED', o, o.__globals__['run_js']('process.pid'))`,
  'the event loop of the browser': () => `${TRY_OBJECTS}
import asyncio
try:
    loops = [asyncio.new_event_loop()]
except BaseException:
    loops = []
try_objects([v for o in loops for v in vars(type(o)).values()])
import pyodide.webloop
print('REACHED', pyodide.webloop)`,
  'ctypes and the C runtime': () => `
import ctypes
print('REACHED', ctypes.CDLL(None).emscripten_run_script_string)`,
  'a shell': ({ markerFile }) => `
import os
if os.system('touch ${markerFile}') == 0: print('REACHED')
print(os.popen('id').read())`,
  'a process': ({ markerFile }) => `import subprocess\nsubprocess.run(['touch', '${markerFile}'])\nprint('REACHED')`,
  'a file of the host': ({ secretFile }) => `print('REACHED', open('${secretFile}').read())`,

  'importers that importlib hands out': () => `
import importlib.machinery, importlib.util
for name in ('_pyodide_core', '_ctypes', '_posixsubprocess', '_testcapi', '_interpreters'):
    importer = importlib.machinery.BuiltinImporter
    for way in (
        lambda: importer.load_module(name),
        lambda: importer.create_module(importlib.machinery.ModuleSpec(name, importer, origin='built-in')),
        lambda: importlib.util.module_from_spec(importlib.machinery.ModuleSpec(name, importer)),
        lambda: importlib._bootstrap._load(importlib.machinery.ModuleSpec(name, importer)),
        lambda: importlib._bootstrap._builtin_from_name(name),
    ):
        try:
            print('REACHED', way())
        except Exception as refused:
            pass`,
  'the importer of a native module': () => `
import math, sys, _imp
for module in list(sys.modules.values()):
    loader = getattr(module, '__loader__', None)
    for method in ('load_module', 'create_module', 'exec_module'):
        try:
            made = getattr(loader, method)(type(math.__spec__)('_pyodide_core', loader))
            if hasattr(made, 'JsProxy') or hasattr(made, 'run_js'): print('REACHED', made)
        except BaseException:
            pass
for name in dir(_imp):
    if name.startswith(('create_', 'exec_')): print('REACHED', name)`,
  'a second copy of the import machinery': () => `
import importlib, sys, _imp
fresh = _imp.init_frozen('_frozen_importlib') if hasattr(_imp, 'init_frozen') else None
if fresh is not None:
    fresh._setup(sys, _imp)
    print('REACHED', fresh.BuiltinImporter.create_module(fresh.ModuleSpec('_pyodide_core', fresh.BuiltinImporter)))`,
  'an _imp that is loaded again': () => `
import importlib, sys
old = sys.modules.pop('_imp')
try:
    again = importlib.import_module('_imp')
    print('REACHED', again.create_builtin)
finally:
    sys.modules['_imp'] = old`,
  'the guard of the importers removed': () => `
import sys, importlib
sys.meta_path.clear()
sys.meta_path.extend([importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter, importlib.machinery.PathFinder])
for name in ('_pyodide_core', 'js', '_ctypes', 'pyodide_js', 'pyodide.code'):
    try:
        module = importlib.import_module(name)
        print('REACHED', module.run_js('process.pid') if name == 'pyodide.code' else module)
    except (ImportError, AttributeError):
        pass`,
  'the sources of the bridge': () => `
import runpy, sys, zipimport
sys.meta_path.pop(0)
source = zipimport.zipimporter('/lib/python314.zip')
for name in ('pyodide', '_pyodide', 'pyodide.code'):
    try:
        print('REACHED', source.load_module(name).run_js('process.pid'))
    except Exception:
        pass
runpy.run_module('pyodide.code')['run_js']('process.pid')
print('REACHED')`,
  'a native library of its own': () => `
import importlib.machinery, importlib.util
open('/tmp/lib.so', 'wb').write(b'\\0asm\\1\\0\\0\\0')
loader = importlib.machinery.ExtensionFileLoader('lib', '/tmp/lib.so')
print('REACHED', importlib.util.module_from_spec(importlib.util.spec_from_loader('lib', loader)))`,
  'another interpreter': () => `
import sys
sys.meta_path.pop(0)
from concurrent import interpreters
interpreters.create().exec('import _pyodide_core')
print('REACHED')`,
  'the types of the bridge': () => `${TRY_OBJECTS}
found, seen = [object], set()
while found:
    kind = found.pop()
    if kind in seen: continue
    seen.add(kind)
    try:
        found.extend(type.__subclasses__(kind))
    except TypeError:
        pass
for kind in seen:
    if 'Js' in kind.__name__ or 'pyodide' in str(kind.__module__):
        for make in (lambda: kind(), lambda: kind.__new__(kind), lambda: object.__new__(kind)):
            try:
                try_objects([make()])
            except BaseException:
                pass`,
  'a pickle that imports': () => `import pickle\nprint('REACHED', pickle.loads(b'cjs\\nprocess\\n.'))`,
  'the frames above': () => `
import sys
frame = sys._getframe()
while frame:
    for scope in (frame.f_globals, frame.f_locals):
        for name, value in list(scope.items()):
            if name in ('run_js', 'js', 'pyodide_js', '_pyodide_core') or 'JsProxy' in type(value).__name__:
                try:
                    print('REACHED', name, value.process.pid)
                except Exception:
                    print('touched', name)
    frame = frame.f_back`,
  'the network by sockets': ({ port }) => `
import socket
for address in ('127.0.0.1', 'localhost', '0.0.0.0'):
    try:
        peer = socket.create_connection((address, ${port}), timeout=1)
        peer.sendall(b'hello')
        print('REACHED')
    except OSError:
        pass
print(socket.getaddrinfo('example.com', 80))`,
  'the network by the sockets of C': ({ port }) => `
import _socket
for way in (
    lambda: _socket.socket().connect(('127.0.0.1', ${port})),
    lambda: _socket.socketpair(),
    lambda: _socket.getaddrinfo('127.0.0.1', ${port}),
):
    try:
        print('REACHED', way())
    except OSError:
        pass`,
  'the device that waits': () => `
import os, time
naps = next(cell.cell_contents for cell in time.sleep.__closure__ if hasattr(cell.cell_contents, 'take'))
for way in (
    lambda: os.open('/dev/nap', os.O_WRONLY),
    lambda: os.read(naps._file, 8),
    lambda: os.write(naps._file, b'short') or None,
    lambda: os.write(naps._file, bytes(64)) > 8 or None,
):
    try:
        got = way()
        if got is not None: print('REACHED', got)
    except OSError:
        pass
time.sleep(0.001)`,
  'the network by urllib': ({ port }) => `
import urllib.request
print('REACHED', urllib.request.urlopen('http://127.0.0.1:${port}/', timeout=1).read())`,
  'processes of its own': ({ markerFile }) => `
import os
for way in (
    lambda: os.fork(),
    lambda: os.posix_spawn('/usr/bin/touch', ['touch', '${markerFile}'], {}),
    lambda: os.execv('/usr/bin/touch', ['touch', '${markerFile}']),
    lambda: os.spawnv(os.P_WAIT, '/usr/bin/touch', ['touch', '${markerFile}']),
):
    try:
        print('REACHED', way())
    except (OSError, AttributeError, NotImplementedError):
        pass`,
  'native process creation': ({ markerFile }) => `
import sys
sys.meta_path.pop(0)
import _posixsubprocess
print('REACHED', _posixsubprocess.fork_exec([b'/usr/bin/touch', b'${markerFile}'], [b'/usr/bin/touch']))`,
  'signals to the processes around': () => `
import os, signal
for pid in (0, -1, os.getppid(), 1):
    try:
        if pid != os.getpid(): os.kill(pid, signal.SIGKILL)
    except OSError:
        pass`,
  'the environment and /proc': ({ secretFile }) => `
import os, glob
print(dict(os.environ))
for path in ('/proc/self/environ', '/proc/1/environ', '/proc/self/root${secretFile}', '/proc/self/cwd', '/etc/passwd', '/etc/hostname'):
    try:
        print('REACHED', path, open(path).read())
    except OSError:
        pass
print('REACHED' if glob.glob('/work*') or glob.glob('/usr*') or glob.glob('/root*') else 'nothing')`,
  'links and devices out of the disk': ({ secretFile }) => `
import os
for way in (
    lambda: (os.symlink('/proc/self/root', '/tmp/out'), open('/tmp/out${secretFile}').read()),
    lambda: open('/../../..${secretFile}').read(),
    lambda: (os.chroot('/proc/self/root'), open('${secretFile}').read()),
    lambda: (os.mknod('/tmp/dev', 0o20666, os.makedev(64, 0)), open('/tmp/dev', 'r+b', 0).write(b'x')),
    lambda: open('/dev/host', 'r+b', 0),
    lambda: open('/dev/tty', 'r+b', 0),
):
    try:
        print('REACHED', way())
    except (OSError, AttributeError, NotImplementedError):
        pass`,
  'a code object that reads foreign memory': () => `
def victim(): pass
code = victim.__code__.replace(co_code=bytes([84, 255] * 64), co_stacksize=1)
import types
for index in range(64):
    try:
        got = types.FunctionType(code.replace(co_code=bytes([84, index, 35, 0])), {})()
    except BaseException:
        pass`,
}
