"""Time that passes in scripts: `time.sleep`, and an event loop for `asyncio.run`.

Neither can be the loader's own, for those wait in JavaScript, which scripts do not reach.
"""
import asyncio
import os
import time

# A day: longer than any script may run, short enough for every clock.
_LONGEST = 86_400
# The loader has put its own in place of both.
_sleep = time.sleep.__wrapped__


class _Naps:
    """The file that waits: it takes microseconds, in eight little-endian bytes, and has written them when they are over."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY)
        os.unlink(path)

    def take(self, seconds):
        until = time.monotonic() + seconds
        # A wait may end a little early, never this loop.
        while (left := until - time.monotonic()) > 0:
            os.write(self._file, (int(left * 1_000_000) + 1).to_bytes(8, 'little'))


class _Selector:
    """What a loop waits with. There are no sockets and no threads: only its own timers can wake it."""

    def __init__(self, naps):
        self._naps = naps

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError('asyncio: 没有可以等待的任务，程序将永远等待下去')
        self._naps.take(timeout)
        return []


def install(path):
    """Makes `time.sleep`, `asyncio.run` and new event loops wait by the device at `path`, which is gone afterwards."""
    naps = _Naps(path)

    def sleep(seconds):
        """Waits so many seconds without using the processor."""
        if type(seconds) in (int, float) and 0 < seconds < _LONGEST:
            naps.take(seconds)
        else:
            # Nothing to wait, or what Python refuses: it knows how to say so.
            _sleep(seconds)

    class EventLoop(asyncio.BaseEventLoop):
        """Coroutines, tasks and timers; connections and threads are refused."""

        def __init__(self):
            super().__init__()
            self._selector = _Selector(naps)

        def _process_events(self, event_list):
            """There are none."""

        def _write_to_self(self):
            """Wakes a loop that waits for another thread. There is none."""

    class Policy(asyncio.events._BaseDefaultEventLoopPolicy):
        _loop_factory = EventLoop

    time.sleep = sleep
    asyncio.run = asyncio.runners.run
    asyncio._set_running_loop(None)
    asyncio.events._event_loop_policy = Policy()
