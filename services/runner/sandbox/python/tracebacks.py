"""Errors of scripts as text: their own lines, no frames of the engine."""
import linecache
import os
import traceback

_ENGINE = os.path.dirname(__file__)
_SCRIPTS = ('<setup_script>', '<teardown_script>', '<global_func>')
_FRAMES = 64
_CHARS = 64 * 1024


def remember_source(filename, source):
    """Lets tracebacks show the lines of a script."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)


def message_of(problem):
    """The error's own text; a broken `__str__` is no reason to fail. Of a syntax error it is what `exec` of a text says."""
    try:
        text = str(problem)
        if isinstance(problem, SyntaxError) and problem.filename in _SCRIPTS:
            text = text.replace(f'({problem.filename}, line', '(<string>, line')
        return text[:_CHARS]
    except Exception:
        return type(problem).__name__


def traceback_of(problem):
    """As Python prints it, with script and library frames alone."""
    try:
        report = traceback.TracebackException.from_exception(problem, limit=-_FRAMES, compact=True)
        _strip(report)
        return ''.join(report.format(colorize=False))[-_CHARS:]
    except Exception:
        return f'{type(problem).__name__}: {message_of(problem)}\n'


def _strip(report):
    report.stack[:] = [frame for frame in report.stack if not _is_engine(frame.filename)]
    for other in (report.__cause__, report.__context__, *(report.exceptions or ())):
        if other is not None:
            _strip(other)


def _is_engine(filename):
    return filename.startswith(_ENGINE) or '/unittest/' in filename
