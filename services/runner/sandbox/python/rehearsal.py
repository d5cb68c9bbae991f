"""What an interpreter does most, done often enough that the host's compiler takes note. Its traces never leave the process."""
import json

import serve

_TIMES = 600
_SCRIPT = """body = response.json()
test.assertion('相等', 200, response.status_code)
test.assertion('包含', 'name', body)
test.save_env_variable('token', test.json_extract(body, '$.token'))
test.save_global_variable('order', {'id': body['id'], 'mobile': global_func.random_mobile()})
print(f"{body['name']} {len(response.text)}", ENV.host)
"""
_BODY = json.dumps({'id': 7, 'name': 'musen', 'token': 'x' * 40, 'items': [{'id': n, 'price': n / 7} for n in range(8)]})


def rehearse():
    """Runs a plain script over and over, as commands bring it. Each is another text, which has to be compiled."""
    run = serve.Run(lambda question: {})
    run.begin({'debug': False, 'secretPaths': [], 'globalFunc': '', 'databases': []})
    env, ENV = '{}', '{"host": "http://127.0.0.1", "headers": {}}'
    for case in range(_TIMES):
        reply = run.run(serve._decode(_command(case, env, ENV)), _BODY.encode())
        if reply['end'] != {'kind': 'done'}:
            raise RuntimeError(f'the rehearsal went wrong: {reply}')
        env, ENV = reply['env'], reply['ENV']
        serve._encode(reply).encode()


def _command(case, env, ENV):
    script = f'{_SCRIPT}# {case}\n'
    headers = [['Content-Type', 'application/json'], ['Content-Length', '200'], ['Connection', 'keep-alive']]
    request = {'method': 'POST', 'url': 'http://127.0.0.1/orders/', 'headers': headers, 'body': None}
    response = {
        'status': 200, 'reason': 'OK', 'url': request['url'], 'headers': headers, 'encoding': 'utf-8', 'elapsedMs': 1.5,
        'cookies': [], 'history': [], 'request': request,
    }  # fmt: skip
    data = {
        'title': f'case {case}', 'interface': {'url': '/orders/', 'method': 'post'}, 'headers': {},
        'request': {'json': {'name': 'musen', 'count': case}}, 'file': [], 'setup_script': '', 'teardown_script': script,
    }  # fmt: skip
    rest = {'op': 'run', 'case': case, 'phase': 'teardown', 'script': script, 'response': response, 'data': data}
    return f'{{"env": {env}, "ENV": {ENV}, {json.dumps(rest)[1:]}'
