"""An OpenID Connect provider on this machine: discovery, authorization, tokens and keys, and no question asked."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "dataeval-ui", "not a secret of anybody"


@dataclass
class Provider:
    """What it says of whoever comes next.

    Attributes
    ----------
    claims : dict
        Of the person.
    audience : str
        Whom the token is for.
    lasts_s : int
        How long it is valid; negative for one that has expired.
    key : RSAKey
        What it signs with; its JWKS always tells `own_key`.
    """

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    audience: str = CLIENT_ID
    lasts_s: int = 300
    own_key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "own"}))
    key: RSAKey | None = None
    n_tokens: int = 0
    codes: dict[str, str] = field(default_factory=dict)

    def id_token(self, nonce: str) -> str:
        """Sign who somebody is."""
        now = int(time.time())
        about = {"iss": self.url, "aud": self.audience, "iat": now - 600, "exp": now + self.lasts_s, "nonce": nonce}
        signing = self.key or self.own_key
        return jwt.encode({"alg": "RS256", "kid": "own"}, {**about, "sub": "somebody", **self.claims}, signing)


def handler_of(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(address.query).items()}
            match address.path:
                case "/.well-known/openid-configuration":
                    self.answer(
                        {
                            "issuer": provider.url,
                            "authorization_endpoint": f"{provider.url}/authorize",
                            "token_endpoint": f"{provider.url}/token",
                            "jwks_uri": f"{provider.url}/jwks",
                            "response_types_supported": ["code"],
                            "subject_types_supported": ["public"],
                            "id_token_signing_alg_values_supported": ["RS256"],
                            "code_challenge_methods_supported": ["S256"],
                        }
                    )
                case "/authorize":
                    assert asked["client_id"] == CLIENT_ID
                    assert asked["code_challenge_method"] == "S256"
                    code = secrets.token_urlsafe(16)
                    provider.codes[code] = asked.get("nonce", "")
                    self.send_response(302)
                    back = urlencode({"code": code, "state": asked["state"]})
                    self.send_header("Location", f"{asked['redirect_uri']}?{back}")
                    self.end_headers()
                case "/jwks":
                    self.answer({"keys": [provider.own_key.as_dict(private=False)]})
                case _:
                    self.send_error(404)

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
            known = self.headers.get("Authorization") == f"Basic {basic}" and form["code_verifier"][0]
            nonce = provider.codes.pop(form["code"][0], None)
            if not known or nonce is None:
                self.answer({"error": "invalid_grant"}, status=400)
                return
            provider.n_tokens += 1
            self.answer({"access_token": "a", "token_type": "Bearer", "id_token": provider.id_token(nonce)})

        def answer(self, told: dict[str, Any], status: int = 200) -> None:
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def providing() -> Iterator[Provider]:
    """Run a provider."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(provider))
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
