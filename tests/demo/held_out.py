"""Checks a sign-in service through HTTP: run in its folder, `python held_out.py`. Nobody who wrote it has seen this.

Prints a JSON object: for each check an empty text, or what went wrong. It knows what the service's README says, and the
criteria of the request; not how it is built.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

BEGIN = 2_000_000_000
SECRET = b"held out, and long enough for a key"
ADA = {"email": "ada@held-out.example", "password": "a password of some length"}


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has there
        pass


class Client:
    """Keeps cookies by name, and what was set with them."""

    def __init__(self, port: int, cookies: dict[str, str] | None = None) -> None:
        self.port = port
        self.cookies = dict(cookies or {})
        self.attributes: dict[str, Any] = {}

    def __call__(self, method: str, path: str, document: Any = None) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Content-Type": "application/json", **({"Cookie": cookies} if cookies else {})}
        connection.request(method, path, None if document is None else json.dumps(document), headers)
        response = connection.getresponse()
        for header in response.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name], self.attributes[name] = morsel.value, morsel
        response.read()
        connection.close()
        return response.status

    def value(self, part: str) -> str:
        return self.cookies[self.name(part)]

    def name(self, part: str) -> str:
        (found,) = [name for name in self.cookies if part in name]
        return found


class World:
    """A running service, and its clock."""

    def __init__(self, port: int, clock: list[int]) -> None:
        self.port, self.clock = port, clock

    def pass_by(self, seconds: int) -> None:
        self.clock[0] += seconds

    def client(self, cookies: dict[str, str] | None = None) -> Client:
        return Client(self.port, cookies)

    def signed_in(self) -> Client:
        client = self.client()
        client("POST", "/register", ADA)
        expect(client("POST", "/login", ADA), 200, "signing in")
        return client

    def with_access(self, client: Client, token: str) -> int:
        """What /me says to another access token."""
        return self.client({client.name("access"): token})("GET", "/me")


@contextmanager
def world() -> Iterator[World]:
    from auth.passwords import Cost  # type: ignore[import-not-found]
    from auth.web import Application  # type: ignore[import-not-found]

    clock = [BEGIN]
    service = Application(SECRET, clock=lambda: clock[0], cost=Cost(n=2, r=1, p=1))
    with make_server("127.0.0.1", 0, service, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield World(server.server_port, clock)
        finally:
            server.shutdown()
            thread.join()


def expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise AssertionError(f"{what}: {found}, not {wanted}")


def coded(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def signed(header: Any, claims: Any, secret: bytes, digest: Callable[..., Any] = hashlib.sha256) -> str:
    text = f"{coded(header)}.{coded(claims)}"
    mac = hmac.new(secret, text.encode(), digest).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


# -- the checks -------------------------------------------------------------------------------


def access_token_is_a_jwt_for_900_seconds(w: World) -> None:
    header, payload, signature = w.signed_in().value("access").split(".")
    claims = decoded(payload)
    expect(decoded(header)["alg"], "HS256", "algorithm")
    expect(claims["exp"] - claims["iat"], 900, "exp - iat")
    mac = hmac.new(SECRET, f"{header}.{payload}".encode(), hashlib.sha256).digest()
    expect(signature, base64.urlsafe_b64encode(mac).decode().rstrip("="), "signature")


def access_token_is_refused_after_15_minutes(w: World) -> None:
    client = w.signed_in()
    expect(client("GET", "/me"), 200, "at once")
    w.pass_by(15 * 60 - 1)
    expect(client("GET", "/me"), 200, "a second before")
    w.pass_by(2)
    expect(client("GET", "/me"), 401, "a second after")


def tampered_tokens_are_refused(w: World) -> None:
    client = w.signed_in()
    token = client.value("access")
    header, payload, signature = token.split(".")
    claims = {**decoded(payload), "sub": "eve@held-out.example"}
    for what, forged in {
        "other claims": f"{header}.{coded(claims)}.{signature}",
        "another first letter of the payload": f"{header}.{'f' if payload[0] != 'f' else 'e'}{payload[1:]}.{signature}",
        "another signature": f"{header}.{payload}.{signature[::-1]}",
        "another secret": signed({"alg": "HS256", "typ": "JWT"}, claims, b"x" * 32),
        "no payload": f"{header}..{signature}",
        "empty": "",
    }.items():
        expect(w.with_access(client, forged), 401, what)
    expect(w.with_access(client, token), 200, "the token itself")


def algorithm_none_is_refused(w: World) -> None:
    client = w.signed_in()
    _, payload, signature = client.value("access").split(".")
    for name in ("none", "None", "NONE"):
        none = coded({"alg": name, "typ": "JWT"})
        for forged in (f"{none}.{payload}.", f"{none}.{payload}", f"{none}.{payload}.{signature}"):
            expect(w.with_access(client, forged), 401, f"alg {name}")
    other = signed({"alg": "HS512", "typ": "JWT"}, decoded(payload), SECRET, hashlib.sha512)
    expect(w.with_access(client, other), 401, "HS512 with the right secret")


def rotation_replaces_the_refresh_token(w: World) -> None:
    client = w.signed_in()
    seen = [client.value("refresh")]
    for _ in range(5):
        w.pass_by(20 * 60)
        expect(client("POST", "/refresh"), 200, "refreshing")
        expect(client("GET", "/me"), 200, "after refreshing")
        seen.append(client.value("refresh"))
    expect(len(set(seen)), 6, "different refresh tokens")


def reused_refresh_token_revokes_the_family(w: World) -> None:
    client, other = w.signed_in(), w.signed_in()
    name, tokens = client.name("refresh"), [client.value("refresh")]
    for _ in range(3):
        client("POST", "/refresh")
        tokens.append(client.value("refresh"))
    thief = w.client({name: tokens[1]})
    expect(thief("POST", "/refresh"), 401, "a used token")
    expect([one for one in thief.cookies.values() if one in tokens[2:]], [], "tokens that the thief was given")
    for token in tokens:
        expect(w.client({name: token})("POST", "/refresh"), 401, "any token of the family")
    expect(other("POST", "/refresh"), 200, "another session of the same user")


def one_of_two_at_once_gets_a_new_token(w: World) -> None:
    client = w.signed_in()
    name, token = client.name("refresh"), client.value("refresh")
    statuses: list[int] = []
    pair = [threading.Thread(target=lambda: statuses.append(w.client({name: token})("POST", "/refresh"))) for _ in "12"]
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join()
    expect(sorted(statuses), [200, 401], "two at once")


def cookies_are_secure_and_httponly(w: World) -> None:
    client = w.signed_in()
    seen = [dict(client.attributes)]
    client("POST", "/refresh")
    seen.append(dict(client.attributes))
    client("POST", "/logout")
    seen.append(dict(client.attributes))
    for attributes in seen:
        expect(len(attributes), 2, "cookies")
        for name, morsel in attributes.items():
            expect(bool(morsel["secure"]), True, f"Secure on {name}")
            expect(bool(morsel["httponly"]), True, f"HttpOnly on {name}")
            expect(morsel["samesite"].lower() in {"strict", "lax"}, True, f"SameSite on {name}")
            expect(morsel["domain"], "", f"Domain of {name}")


def signing_out_ends_the_session(w: World) -> None:
    client = w.signed_in()
    kept = dict(client.cookies)
    expect(client("POST", "/logout") in {200, 204}, True, "signing out")
    expect(client("GET", "/me"), 401, "afterwards")
    expect(w.client(kept)("POST", "/refresh"), 401, "with the cookies of before")


CHECKS = (
    access_token_is_a_jwt_for_900_seconds,
    access_token_is_refused_after_15_minutes,
    tampered_tokens_are_refused,
    algorithm_none_is_refused,
    rotation_replaces_the_refresh_token,
    reused_refresh_token_revokes_the_family,
    one_of_two_at_once_gets_a_new_token,
    cookies_are_secure_and_httponly,
    signing_out_ends_the_session,
)


def main() -> None:
    """Each check has a service of its own."""
    sys.path.insert(0, str(Path.cwd()))
    found = {}
    for check in CHECKS:
        try:
            with world() as w:
                check(w)
            found[check.__name__] = ""
        except Exception as error:  # noqa: BLE001 - whatever goes wrong there is what is wanted here
            found[check.__name__] = f"{type(error).__name__}: {error}"
    print(json.dumps(found))


if __name__ == "__main__":
    main()
