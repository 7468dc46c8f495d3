"""What the service asks of others: nothing, but for a mail server and what an operator fetches by command."""

from __future__ import annotations

import ast
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from commentsvc.screening.training.fetch import FetchError, fetch

PACKAGE = Path(__file__).parents[2] / "commentsvc"
# Module -> who may speak to the network with it, and why.
SPEAKERS = {
    "urllib.request": {"screening/training/fetch.py"},  # an operator's `commentsvc model pull`
    "urllib.error": {"screening/training/fetch.py"},
    "http.client": {
        "screening/training/fetch.py", "cli/run.py",  # the supervisor asks its own child how it is
        "accounts/fetching.py",  # identity providers that the operator names; key sets that a site's admin names, of public hosts
    },
    "smtplib": {"delivery/email.py", "cli/doctor/work.py"},  # both the operator's own mail server
    "requests": set(), "httpx": set(), "aiohttp": set(), "ftplib": set(), "telnetlib": set(), "xmlrpc.client": set(),
}
# Reading what others wrote must not run it.
# These two write XML, and read none.
WRITERS = {"embed/feeds.py", "review/plots.py"}
NEVER = {"pickle", "marshal", "shelve", "dill", "yaml", "xml", "lxml", "jsonpickle"}


def imports() -> Iterator[tuple[str, str]]:
    """(file, module) of every import in the package."""
    for path in PACKAGE.rglob("*.py"):
        name = str(path.relative_to(PACKAGE))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield name, node.module
                yield from ((name, f"{node.module}.{alias.name}") for alias in node.names)


def test_no_request_makes_the_service_ask_another_server() -> None:
    """No address that a reader, an article or a site gives is ever fetched: there is nothing to do it with."""
    for name, module in imports():
        if module in SPEAKERS:
            assert name in SPEAKERS[module], f"{name} imports {module}"


def test_nothing_is_read_that_could_run() -> None:
    assert not [(name, module) for name, module in imports() if module.partition(".")[0] in NEVER and name not in WRITERS]
    for name in WRITERS:
        assert not re.search(r"\b(fromstring|fromstringlist|parse|iterparse|XMLParser|XML|XMLPullParser|pickle|yaml)\(", (PACKAGE / name).read_text()), name


def test_nothing_typed_becomes_code_or_a_command() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if isinstance(node.func, ast.Name):
                assert called not in {"eval", "exec", "compile", "__import__"}, path
            assert called not in {"system", "popen", "render_template_string", "from_string"}, path
            assert not [k for k in node.keywords if k.arg == "shell" and getattr(k.value, "value", None) is True], path


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that sends everybody on to `request.param`."""

    class Sender(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", request.param)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Sender)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/model"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("elsewhere", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"], indirect=True)
def test_a_download_follows_nobody_to_another_protocol(elsewhere: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError):
        fetch(elsewhere, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_download_does_not_leave_https() -> None:
    import urllib.request

    from commentsvc.screening.training.fetch import _Redirects

    asked = urllib.request.Request("https://models.example/a")
    with pytest.raises(FetchError, match="not as safe"):
        _Redirects().redirect_request(asked, None, 302, "", {}, "http://models.example/a")
    followed = _Redirects().redirect_request(asked, None, 302, "", {}, "https://cdn.example/a")
    assert followed.full_url == "https://cdn.example/a"


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://a.example/x", "data:,x", "//a.example/x", ""])
def test_a_download_is_of_http_or_https(address: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError):
        fetch(address, tmp_path / "model")
