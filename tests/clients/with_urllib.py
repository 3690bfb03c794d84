"""Python's own urllib: no content coding, a connection for each request."""

import urllib.error
import urllib.request

from outcome import run

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url, call):
    try:
        answer = opener.open(urllib.request.Request(url, headers=call["fields"]), timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        names = {name.lower() for name in answer.headers}
        return answer.status, answer.read(), {name: ", ".join(answer.headers.get_all(name)) for name in names}


run(ask)
