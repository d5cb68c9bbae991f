"""The job loop of a sandbox: reads one command from the host, does it, writes one reply.

A command is two little-endian 32-bit lengths, a JSON text and raw bytes (the body of `response`); a reply one length
and a JSON text. `seq` of the command stands in its reply. Before its reply a script may ask the host: a frame as a reply,
the highest bit of its length set, answered by a command.
"""
import ast
import builtins
import gc
import importlib
import json
import os
import random
import re
import sys
import types
import unittest
from collections import OrderedDict
from functools import lru_cache, wraps
from numbers import Number

import case_log
import chinese_faker
import databases
import jsonpath
import refusals
import requests_names
import tools
import waiting
import walls
from case_data import CaseData
from case_test import BaseTest
from http_response import Response
from scope import Scope, Secrets, collect, load
from tracebacks import message_of, remember_source, traceback_of

REPLY_BYTES = 8 * 1024 * 1024
QUESTION_BYTES = 1024 * 1024
_QUESTION = 1 << 31
# Of longer scripts the code is made each time: what is remembered must not fill the memory.
_REMEMBERED_CHARS = 16 * 1024
_encode = json.JSONEncoder(allow_nan=False).encode
_decode = json.JSONDecoder().decode
_FAILED = {'setup': ('ERROR', '前置脚本执行错误'), 'teardown': ('ERROR', '后置脚本执行错误')}
# Where scripts ran in the old engine: what they see of it is `__name__`, and the names of their classes in tracebacks.
_MODULE = 'ApiTestEngine.core.cases'


class Run:
    """What lives as long as a run: the variables, the environment's functions, the case under way."""

    def __init__(self, ask):
        self.log = case_log.CaseLog()
        self.ask, self.db = ask, databases.Databases((), ask)
        self.secrets = Secrets((), self.log.end)
        self._forget()
        builtins.print = self._print
        sys.stdout = self.log
        # Warnings of libraries are not the tester's lines.
        sys.stderr = open(os.devnull, 'w')  # noqa: SIM115

    def _forget(self):
        self.env, self.ENV = Scope(), Scope()
        self.functions = self._functions()
        self.failure = None
        self.case, self.names, self.test, self.data = None, {}, None, None
        # What scripts declare `global` is there for all cases of the run.
        self.shared = {}

    def _functions(self):
        module = types.ModuleType('global_func')
        vars(module).update({name: getattr(tools, name) for name in tools.__all__})
        sys.modules['global_func'] = module
        # Scripts that import the tools find the environment's functions among them.
        for package in ('apitestengine', 'ApiTestEngine'):
            sys.modules[f'{package}.core'].tools = sys.modules[f'{package}.core.tools'] = module
        return module

    def _print(self, *values, sep=' ', end='\n', file=None, flush=False):
        if file is None or file is self.log:
            self.log.print(values, sep, end)
        else:
            file.write((' ' if sep is None else sep).join(map(str, values)) + ('\n' if end is None else end))

    def begin(self, job):
        """Runs the environment's source. Its failure is kept: it is every script's. What was before is forgotten."""
        self._forget()
        self.log.debug = job['debug']
        self.db = databases.Databases(job['databases'], self.ask)
        self.secrets = Secrets(job['secretPaths'], self.log.end)
        for scope in (self.env, self.ENV):
            self.secrets.watch(scope)
        source = job['globalFunc']
        remember_source('<global_func>', source)
        try:
            exec(compile(source, '<global_func>', 'exec', dont_inherit=True), vars(self.functions))
        except (case_log.OutputLimit, MemoryError):
            raise
        except BaseException as problem:
            self.failure = _error(problem)
        return {'failure': self.failure}

    def run(self, job, content):
        """Runs one script and tells how it ended and what it changed."""
        self._enter(job, content)
        end = self._cleaned_up() if job['phase'] == 'cleanup' else self._executed(job['phase'], job['script'])
        if self.secrets.over:
            return {'end': _limit('output'), **self.left()}
        env, env_changes = collect(self.env, lambda _: None)
        ENV, ENV_changes = collect(self.ENV, self._kept_as_text)
        data, faults = self.data.out(self._prepared())
        if self.log.over_limit:
            end = _limit('output')
        return {
            'end': end,
            'assertions': self.test._taken_assertions(),
            'pending': bool(self.test._cleanups or self.test._failed_parts),
            'data': data,
            'faults': faults,
            'env': env,
            'ENV': ENV,
            'changes': {'env': env_changes, 'ENV': ENV_changes},
            **self.left(),
        }

    def _kept_as_text(self, name):
        """Of a debug run the global variables outlast the process."""
        if self.log.debug:
            self.log.line('WARNING', f'全局变量{name}的值不能保存为JSON，本次运行之后只保留其文本', 'engine')

    def left(self):
        """What there is to tell of a script that was stopped."""
        secrets, log = self.secrets.taken(), self.log.taken()
        return {'secrets': [], 'log': []} if self.secrets.over else {'secrets': secrets, 'log': log}

    def _enter(self, job, content):
        load(self.env, job['env'])
        load(self.ENV, job['ENV'])
        if job['case'] != self.case:
            self._begin_case(job)
        else:
            self.data.take(job['data'])
        # A script may rebind these; the next one finds them as they were. Any other name stays what a script made of it.
        self.names.update(test=self.test, data=self.data.members, env=self.env, print=self._print)
        if job['response'] is not None:
            self.names['response'] = self.test._response = Response(job['response'], content)

    def _begin_case(self, job):
        self.case, self.data = job['case'], CaseData(job['data'])
        self.test = BaseTest(self.log, self.env, self.ENV, job['data'].get('title'))
        module = sys.modules[_MODULE] = types.ModuleType(_MODULE)
        self.names = vars(module)
        self.names.update(self._prepared(), setup_script=job['data'].get('setup_script'))

    def _prepared(self):
        """What each case finds without a script of its own."""
        return dict(
            __builtins__=builtins, ENV=self.ENV, db=self.db, global_func=self.functions,
            global_tools=self.functions, json=json, re=re, os=os, jsonpath=jsonpath.jsonpath,
            unittest=unittest, OrderedDict=OrderedDict, Number=Number, importlib=importlib, wraps=wraps,
            requests=requests_names, DEBUG=self.log.debug, fk=chinese_faker.fk,
        ) | self.shared  # fmt: skip

    def _executed(self, phase, script):
        if self.failure is not None:
            self.log.line('ERROR', f'全局工具函数执行错误:\n{self.failure["message"]}', 'engine')
            return self.failure
        filename = f'<{phase}_script>'
        declared = ()
        self.names[f'{phase}_script'] = script
        try:
            remember_source(filename, script)
            code, declared = (_compiled if len(script) <= _REMEMBERED_CHARS else _compiled.__wrapped__)(filename, script)
            exec(code, self.names)
            return {'kind': 'done'}
        except case_log.OutputLimit:
            return _limit('output')
        except MemoryError:
            raise
        except BaseException as problem:
            return self._ended_by(phase, problem)
        finally:
            self._share(declared)

    def _cleaned_up(self):
        """What is left to do when a case is over: the cleanups, last one first, and the verdict of its parts."""
        problems, self.test._failed_parts = self.test._failed_parts, []
        while self.test._cleanups:
            function, args, kwargs = self.test._cleanups.pop()
            try:
                function(*args, **kwargs)
            except case_log.OutputLimit:
                return _limit('output')
            except MemoryError:
                raise
            except unittest.SkipTest:
                continue
            except BaseException as problem:
                if isinstance(problem, AssertionError):
                    self.log.line('WARNING', f'断言失败:\n{message_of(problem)}', 'engine')
                problems.append(problem)
        errors = [problem for problem in problems if not isinstance(problem, AssertionError)]
        for problem in errors[:-1]:
            self.log.line('EXCEPT', traceback_of(problem), 'engine')
        if errors:
            return _error(errors[-1])
        return _failed(problems[-1]) if problems else {'kind': 'done'}

    def _share(self, declared):
        for name in declared:
            if name in self.names:
                self.shared[name] = self.names[name]
            else:
                self.shared.pop(name, None)

    def _ended_by(self, phase, problem):
        if not isinstance(problem, Exception):
            return _error(problem)
        message = message_of(problem)
        if isinstance(problem, unittest.SkipTest):
            self.log.line('INFO', f'跳过用例:{message}', 'engine')
            return {'kind': 'skipped', 'message': message}
        failed = isinstance(problem, AssertionError)
        level, title = ('WARNING', '断言失败') if failed and phase == 'teardown' else _FAILED[phase]
        self.log.line(level, f'{title}:\n{message}', 'engine')
        if failed:
            return _failed(problem)
        return _error(_out_of_generator(problem))


@lru_cache(maxsize=256)
def _compiled(filename, script):
    """The code of a script and the names that it declares `global`: the steps of a scene often share their scripts."""
    return compile(script, filename, 'exec', dont_inherit=True), _declared_global(script)


def _declared_global(script):
    """The names that a script, or a function in it, declares `global`."""
    if 'global' not in script:
        return ()
    return {name for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Global) for name in node.names}


def _out_of_generator(problem):
    """The old engine ran scripts in a generator, and out of one Python lets no StopIteration."""
    if not isinstance(problem, StopIteration):
        return problem
    told = RuntimeError('generator raised StopIteration')
    told.__cause__ = problem
    return told.with_traceback(problem.__traceback__)


def _failed(problem):
    return {'kind': 'failed', 'message': message_of(problem), 'traceback': traceback_of(problem)}


def _error(problem):
    return {
        'kind': 'error',
        'type': type(problem).__name__[:200],
        'message': message_of(problem),
        'traceback': traceback_of(problem),
    }


def _limit(which):
    return {'kind': 'limit', 'limit': which}


def install():
    """Makes the engine's modules importable under the names that scripts know. Part of the snapshot."""
    for package in ('apitestengine', 'ApiTestEngine'):
        for name in (package, f'{package}.core'):
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__path__ = []
        sys.modules[package].core = sys.modules[f'{package}.core']
        sys.modules[f'{package}.core'].tools = tools
        sys.modules[f'{package}.core.tools'] = tools
    sys.modules['faker'] = chinese_faker
    requests_names.__name__ = 'requests'
    sys.modules['requests'] = requests_names
    sys.modules['requests.exceptions'] = requests_names.exceptions
    sys.modules['requests.utils'] = requests_names.utils
    refusals.install()
    walls.preload()
    gc.collect()


def serve():
    """Answers commands until the host ends the process."""
    channel = os.open('/dev/host', os.O_RDWR)
    os.unlink('/dev/host')
    for name in [name for name in os.environ if name not in ('HOME', 'LANG')]:
        del os.environ[name]
    random.seed()
    chinese_faker.fk.random.seed()
    # Before the walls close, which take away what waits now.
    waiting.install('/dev/nap')
    walls.seal()
    run = Run(lambda question: _ask(channel, question))
    _write(channel, {'seq': 0, 'ready': True})
    while True:
        job, content = _command(channel)
        try:
            reply = run.begin(job) if job['op'] == 'begin' else run.run(job, content)
        except case_log.OutputLimit:
            reply = {'end': _limit('output'), **run.left()}
        except MemoryError:
            reply = {'end': _limit('memory'), **run.left()}
        _write(channel, {'seq': job['seq'], **reply})


def _command(channel):
    head = _read(channel, 8)
    text = _read(channel, int.from_bytes(head[:4], 'little'))
    content = _read(channel, int.from_bytes(head[4:], 'little'))
    return _decode(text.decode()), content


def _read(channel, size):
    parts = []
    while size > 0:
        part = os.read(channel, size)
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b''.join(parts)


def _write(channel, reply):
    data = _encode(reply).encode()
    if len(data) > REPLY_BYTES:
        data = _encode({'seq': reply['seq'], 'end': _limit('output'), 'secrets': [], 'log': []}).encode()
    os.write(channel, len(data).to_bytes(4, 'little') + data)


def _ask(channel, question):
    """The host's answer; None to a question that is too long to be asked."""
    data = _encode(question).encode()
    if len(data) > QUESTION_BYTES:
        return None
    os.write(channel, (len(data) | _QUESTION).to_bytes(4, 'little') + data)
    return _command(channel)[0]
