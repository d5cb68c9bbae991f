"""Runs scenes in ApiTestEngine 1.0.3: one JSON text a line on stdin, what was seen as one JSON text a line on stdout.

Each scene has a process of its own, for the old engine keeps functions, variables and cookies in its modules.
"""
import base64
import http.client
import json
import os
import signal
import sys
import tempfile

from ApiTestEngine.core import cases
from ApiTestEngine.core.runner import TestResult

ANSWERS = os.fdopen(os.dup(1), "w", encoding="utf-8")
SCENE_SECONDS = 60


def run(scene):
    """What the engine answers, the variables it leaves, or the exception that ended it."""
    classes = []
    create_test_class = cases.GenerateCase.create_test_class
    stop_test = TestResult.stopTest

    def remember(self, item):
        classes.append(create_test_class(self, item))
        return classes[-1]

    def mark(self, test):
        stop_test(self, test)
        connection = http.client.HTTPConnection(scene["address"])
        connection.request("GET", scene["next_case"])
        connection.getresponse().read()
        connection.close()

    cases.GenerateCase.create_test_class = remember
    TestResult.stopTest = mark
    suite = {"name": "Scene", "Cases": scene["cases"]}
    config = {"ENV": scene["ENV"], "DB": [], "global_func": scene["global_func"]}
    try:
        answer = cases.run_test([suite], config, debug=scene["debug"])
    except BaseException as problem:
        return {"crash": type(problem).__name__, "cases": [], "env": {}, "ENV": {}}
    result = answer[0] if scene["debug"] else answer
    results = result["results"][0]["cases"]
    return {
        "cases": [{name: stored(value) for name, value in one.items()} for one in results],
        "env": printed(getattr(classes[0], "env", {})),
        "ENV": printed(cases.ENV),
    }


def stored(value):
    """A value that JSON can hold; the engine's own are, scripts may set others."""
    try:
        json.dumps(value)
        return value
    except (TypeError, ValueError):
        return repr(value)


def printed(scope):
    return {str(name): repr(value) for name, value in scope.items()}


def keep(folder, files):
    """The files that cases name by their paths, in a folder of the scene's own."""
    os.chdir(folder)
    for path, content in files.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(content))


def main():
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            signal.alarm(SCENE_SECONDS)
            with os.fdopen(writing, "w", encoding="utf-8") as pipe, tempfile.TemporaryDirectory() as folder:
                scene = json.loads(line)
                keep(folder, scene["files"])
                pipe.write(json.dumps(run(scene)))
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as pipe:
            seen = pipe.read()
        os.waitpid(child, 0)
        ANSWERS.write((seen or json.dumps({"crash": "killed", "cases": [], "env": {}, "ENV": {}})) + "\n")
        ANSWERS.flush()


main()
