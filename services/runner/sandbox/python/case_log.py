"""The log of a script: the lines in order, bounded in size."""

# A log keeps its first MiB; a script that goes on to sixteen is ended.
KEPT_BYTES = 1024 * 1024
OUTPUT_BYTES = 16 * 1024 * 1024


class OutputLimit(BaseException):
    """The script wrote more than it may. Not an Exception, so that `except Exception` does not swallow it."""


class CaseLog:
    """Entries are [level, text, source]; source is `print`, `script` (the log methods) or `engine` (lines of ours)."""

    def __init__(self):
        self.debug = False
        self._stdout = ''
        self._reset()

    def _reset(self):
        self._entries, self._kept, self._seen = [], 0, 0
        self._open = None
        self.over_limit = False

    def taken(self):
        """The entries since the last call; the log is empty afterwards."""
        if self._stdout:
            self._add('DEBUG', self._stdout, 'print')
            self._stdout = ''
        entries = self._entries
        self._reset()
        return entries

    def line(self, level, message, source, always=False):
        """DEBUG lines are for debug runs, unless `always`; DEBUG and EXCEPT text stands alone."""
        if level == 'DEBUG' and not self.debug and not always:
            return
        self._add(level, message if level in ('DEBUG', 'EXCEPT') else f'【{level}】  |   {message}', source)

    def print(self, values, sep, end):
        """One entry for each call; a call that does not end the line is continued by the next one."""
        values = [str(value) for value in values]
        # Counted before it is put together, so that what is far too long is never copied.
        if sum(map(len, values)) > OUTPUT_BYTES:
            self.end()
        text = (' ' if sep is None else sep).join(values) + ('\n' if end is None else end)
        ended = text.endswith('\n')
        text = text.removesuffix('\n')
        if self._open is not None and self._open is self._last():
            self._count(text)
            if not self._full():
                self._open[1] += text
        else:
            self._add('DEBUG', text, 'print')
        self._open = None if ended else self._last()

    def write(self, text):
        """What is written to sys.stdout, an entry for each line."""
        *lines, rest = (self._stdout + text).split('\n')
        self._stdout = rest
        for line in lines:
            self._add('DEBUG', line, 'print')
        if len(rest) > OUTPUT_BYTES:
            self._stdout = ''
            self._count(rest)
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False

    def writable(self):
        return True

    def _last(self):
        return self._entries[-1] if self._entries else None

    def _full(self):
        return self._kept >= KEPT_BYTES

    def _count(self, text):
        """Counts the text against both limits."""
        # At most so many bytes in UTF-8 but for emoji; the list around it counts too.
        size = len(text) if text.isascii() else 3 * len(text)
        self._seen += size + 32
        if self._seen > OUTPUT_BYTES:
            self.end()
        self._kept += size + 32

    def end(self):
        """Ends a script that writes without measure."""
        self.over_limit = True
        raise OutputLimit(f'脚本输出超过 {OUTPUT_BYTES // 1024 // 1024} MiB')

    def _add(self, level, text, source):
        if self._full():
            self._count(text)
            return
        room = KEPT_BYTES - self._kept
        self._count(text)
        if self._full():
            self._entries.append([level, text[:room], source])
            self._entries.append(['WARNING', '【WARNING】  |   日志超过 1 MiB，其余不再保存', 'engine'])
        else:
            self._entries.append([level, text, source])
