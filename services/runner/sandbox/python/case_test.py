"""`test`: what scripts log, save, extract and assert with. A unittest.TestCase with the methods of the case engine."""
import re
import unittest
from contextlib import contextmanager

import exchange
from jsonpath import jsonpath
from scope import text_of
from tracebacks import message_of

# Each: how expected and actual are compared. 大于 and its kin ask of the actual value.
_COMPARISONS = {
    '相等': lambda test, expected, actual: test.assertEqual(expected, actual),
    '不相等': lambda test, expected, actual: test.assertNotEqual(expected, actual),
    '相等忽略大小写': lambda test, expected, actual: test.assertEqual(str(expected).lower(), str(actual).lower()),
    '包含': lambda test, expected, actual: test.assertIn(expected, actual),
    '不包含': lambda test, expected, actual: test.assertNotIn(expected, actual),
    '大于': lambda test, expected, actual: test.assertGreater(actual, expected),
    '小于': lambda test, expected, actual: test.assertLess(actual, expected),
    '大于等于': lambda test, expected, actual: test.assertGreaterEqual(actual, expected),
    '小于等于': lambda test, expected, actual: test.assertLessEqual(actual, expected),
    '正则匹配': lambda test, expected, actual: test.assertRegex(str(actual), expected),
}
_ASSERTIONS = 1000
_ASSERTED_CHARS = 16 * 1024


class BaseTest(unittest.TestCase):
    """One for each case: both scripts see the same. Errors show its name, which is the old engine's."""

    # Names that unittest had until Python 3.12, and existing scripts have still.
    failUnlessEqual = assertEquals = unittest.TestCase.assertEqual
    failIfEqual = assertNotEquals = unittest.TestCase.assertNotEqual
    failUnlessAlmostEqual = assertAlmostEquals = unittest.TestCase.assertAlmostEqual
    failIfAlmostEqual = assertNotAlmostEquals = unittest.TestCase.assertNotAlmostEqual
    failUnless = assert_ = unittest.TestCase.assertTrue
    failUnlessRaises = unittest.TestCase.assertRaises
    failIf = unittest.TestCase.assertFalse
    assertRaisesRegexp = unittest.TestCase.assertRaisesRegex
    assertRegexpMatches = unittest.TestCase.assertRegex
    assertNotRegexpMatches = unittest.TestCase.assertNotRegex

    def __init__(self, log, env, ENV, name):
        super().__init__('runTest')
        self._log, self.env, self._global = log, env, ENV
        self.name = self._testMethodDoc = name
        self._assertions = []
        self._response = None
        self._failed_parts = []

    def runTest(self):
        """A TestCase needs one; the scripts are the test."""

    def __getattr__(self, name):
        """What the result shows of the answer is there for the teardown script too, made when it is asked for."""
        response = self.__dict__.get('_response')
        if response is None or name not in exchange.SHOWN:
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}', name=name, obj=self)
        return exchange.SHOWN[name](response)

    def assertDictContainsSubset(self, subset, dictionary, msg=None):
        """Each member of `subset` is in `dictionary`, with the same value."""
        missing = [repr(name) for name in subset if name not in dictionary]
        other = [
            f'{name!r}, expected: {value!r}, actual: {dictionary[name]!r}'
            for name, value in subset.items()
            if name in dictionary and value != dictionary[name]
        ]
        told = [f'{title}: {",".join(names)}' for title, names in (('Missing', missing), ('Mismatched values', other)) if names]
        if told:
            self.fail(self._formatMessage(msg, '; '.join(told)))

    @contextmanager
    def subTest(self, msg=None, **_):
        """A part whose failure does not end the script: it is told here, and is the verdict when the case is over."""
        try:
            yield
        except (MemoryError, unittest.SkipTest):
            raise
        except Exception as problem:
            failed = isinstance(problem, AssertionError)
            self._note('WARNING' if failed else 'ERROR', f'{"断言失败" if failed else "子测试执行错误"}:\n{message_of(problem)}')
            self._failed_parts.append(problem)

    # Log

    def save_log(self, message, level='INFO'):
        """A line of that level. DEBUG ones too are kept in every run, unlike those of `debug_log`."""
        self._log.line(str(level)[:32], str(message), 'script', always=True)

    def debug_log(self, *args):
        self._say('DEBUG', args)

    def info_log(self, *args):
        self._say('INFO', args)

    def warning_log(self, *args):
        self._say('WARNING', args)

    def error_log(self, *args):
        self._say('ERROR', args)

    def critical_log(self, *args):
        self._say('CRITICAL', args)

    def exception_log(self, *args):
        self._say('EXCEPT', args)

    def print(self, *args, sep=' ', end='\n', **_):
        self._log.print(args, sep, end)

    def _say(self, level, args):
        self._log.line(level, ''.join([str(arg) for arg in args]), 'script')

    def _note(self, level, text):
        self._log.line(level, text, 'engine')

    # Variables

    def save_env_variable(self, name, value):
        """A temporary variable; debug runs have none and keep it as a global one."""
        self._note('INFO', '-----------设置临时变量-------------')
        self._note('DEBUG', f'变量名:{name}')
        self._note('DEBUG', f'变量值:{value}')
        if self._log.debug:
            self._note('WARNING', '提示: 调试模式运行,设置的临时变量均保存到Debug全局变量中')
            self._global[name] = value
        else:
            self.env[name] = value

    def save_global_variable(self, name, value):
        self._note('INFO', '-----------设置全局变量-------------')
        self._note('DEBUG', f'变量名:{name}')
        self._note('DEBUG', f'变量值:{value}')
        self._global[name] = value

    def delete_env_variable(self, name):
        """KeyError when there is none. A debug run deletes it where it saved it."""
        self._note('INFO', f'删除临时变量:{name}')
        del (self._global if self._log.debug and name not in self.env else self.env)[name]

    def delete_global_variable(self, name):
        """KeyError when there is none."""
        self._note('INFO', f'删除全局变量:{name}')
        del self._global[name]

    def get_env_variable(self, name):
        """None when there is none."""
        if self._log.debug and name not in self.env:
            return self._global.get(name)
        return self.env.get(name)

    def get_global_variable(self, name):
        """None when there is none."""
        return self._global.get(name)

    # Extraction

    def json_extract(self, obj, ext):
        """The first match of a JSONPath, '' without any."""
        self._note('INFO', '-----------jsonpath提取数据-----------')
        found = jsonpath(obj, ext)
        return self._extracted(obj, ext, found[0] if found else '')

    def re_extract(self, string, ext):
        """Group 1 of the first match (the whole match without groups), '' without any."""
        self._note('INFO', '-----------正则提取数据------------')
        found = re.search(ext, string)
        return self._extracted(string, ext, found.group(min(1, found.re.groups)) if found else '')

    def _extracted(self, source, expression, value):
        self._note('DEBUG', f'\n数据源：{source}')
        self._note('DEBUG', f'\n提取表达式：{expression}')
        self._note('DEBUG', f'\n提取结果:{value}')
        return value

    # Assertion

    def assertion(self, methods, expected, actual):
        """AssertionError when it does not hold, TypeError for a comparison that is not known."""
        self._note('INFO', '----------断言----------')
        self._note('DEBUG', f'比较方式:{methods}')
        self._note('DEBUG', f'预期结果:{expected}')
        self._note('DEBUG', f'实际结果:{actual}')
        compare = _COMPARISONS.get(methods) if isinstance(methods, str) else None
        if compare is None:
            raise TypeError(f'断言比较方法{methods},不支持!')
        passed = False
        try:
            compare(self, expected, actual)
            passed = True
        finally:
            if len(self._assertions) < _ASSERTIONS:
                self._assertions.append(
                    {'method': methods, 'expected': _shown(expected), 'actual': _shown(actual), 'passed': passed}
                )
        self._note('INFO', '断言通过!')

    def _taken_assertions(self):
        taken, self._assertions = self._assertions, []
        return taken


def _shown(value):
    """A JSON text of what was compared: the value, or its text where JSON cannot hold it or it is long."""
    text, exact = text_of(value)
    if not exact:
        text, _ = text_of(str(value)[:_ASSERTED_CHARS])
    return text if len(text) <= _ASSERTED_CHARS else text_of(str(value)[: _ASSERTED_CHARS // 8])[0]
