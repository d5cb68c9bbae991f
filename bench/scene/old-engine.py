"""Runs the cases of a file in ApiTestEngine, one after the other, and fails when one of them does."""
import json
import sys

from ApiTestEngine.core.cases import run_test

with open(sys.argv[1], encoding='utf-8') as file:
    suite = json.load(file)
result = run_test(
    [{'name': 'Scene', 'Cases': suite['cases']}],
    {'ENV': {'host': suite['host'], 'headers': {}}, 'DB': [], 'global_func': ''},
    debug=False,
)
if result['success'] != len(suite['cases']):
    sys.exit(f"{result['success']} of {len(suite['cases'])} cases have succeeded")
