"""What results show of a request and its answer, as members of `test` in teardown scripts."""
import json


def _answered(response):
    """The body laid out when it is JSON, else its text."""
    try:
        return _laid_out(response.json())
    except ValueError:
        return response.content.decode('utf-8', 'replace')


def _asked(response):
    body = response.request.body
    try:
        return _laid_out(json.loads(body.decode()))
    except (AttributeError, ValueError):
        return str(body)


def _laid_out(value):
    return json.dumps(value, ensure_ascii=False, indent=2)


SHOWN = {
    'url': lambda response: response.request.url,
    'method': lambda response: response.request.method,
    'status_cede': lambda response: response.status_code,
    'response_header': lambda response: dict(response.headers),
    'requests_header': lambda response: dict(response.request.headers),
    'response_body': _answered,
    'requests_body': _asked,
}
