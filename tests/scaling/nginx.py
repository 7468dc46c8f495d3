"""The example of deploy/nginx with this machine's ports, addresses and a certificate of its own in its placeholders."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.scaling.fleet import ROOT

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
EXAMPLE = ROOT / "deploy/nginx/commentsvc.conf"


def configured(folder: Path, nodes: Sequence[int], *, http: int, https: int) -> Path:
    """The main file for nginx, under `folder`, in front of web nodes on these ports."""
    tls = folder / "tls"
    tls.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=comments.example", "-keyout",
         str(tls / "privkey.pem"), "-out", str(tls / "fullchain.pem")],
        check=True, capture_output=True,
    )
    servers = "\n".join(f"    server 127.0.0.1:{port} max_fails=2 fail_timeout=5s;" for port in nodes)
    text = EXAMPLE.read_text()
    for placeholder, here in {
        "    server web:8000 max_fails=2 fail_timeout=5s;": servers, "/etc/nginx/tls": str(tls), "/var/cache/nginx": str(folder),
        "listen 80;": f"listen 127.0.0.1:{http};", "listen 443 ssl http2;": f"listen 127.0.0.1:{https} ssl http2;",
    }.items():
        assert placeholder in text, placeholder
        text = text.replace(placeholder, here)
    lines = [line for line in text.splitlines() if "listen [::]" not in line]  # not every machine that tests has IPv6
    (folder / "commentsvc.conf").write_text("\n".join(lines))
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = folder / "nginx.conf"
    main.write_text(
        f"user root; daemon off; pid {folder}/nginx.pid; error_log stderr; events {{}} "
        f"http {{ access_log off; {temporary} include {folder}/commentsvc.conf; }}"
    )
    return main
