"""Who may use the studio: whoever has the token, from this machine, through pages of the studio itself."""

import hmac
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
"""Host names that a request may be addressed to. Any other one is a foreign page that was resolved to this machine."""

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""Sent with each answer. No script but the studio's own files runs, and no other host is asked for anything."""


def cookie_name(port: int) -> str:
    """Return the name of the cookie; cookies of one host are shared by its ports."""
    return f"worldsim-studio-{port}"


class Access:
    """ASGI middleware that lets requests with the token pass, and sets ``HEADERS``.

    A request needs a loopback ``Host``, no foreign ``Origin`` (a WebSocket: its own one) and the token: as the
    cookie, as ``Authorization: Bearer TOKEN``, or once as ``?token=TOKEN``, which is exchanged for the cookie.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token, self._cookie = app, token, cookie_name(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        refusal = self._refusal(request, is_socket=scope["type"] == "websocket")
        if refusal is not None and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4403, "reason": "refused"})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                fixed = {name.encode(): value.encode() for name, value in HEADERS.items()}
                message["headers"] = [*message["headers"], *((k, v) for k, v in fixed.items() if k not in given)]
            await send(message)

        if refusal is not None:
            await refusal(scope, receive, with_headers)
            return
        if scope["type"] == "http" and "token" in request.query_params:
            await self._exchanged(request)(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    def _refusal(self, request: HTTPConnection, *, is_socket: bool) -> Response | None:
        host = request.headers.get("host", "")
        if _name(f"//{host}") not in LOOPBACK_NAMES:
            return PlainTextResponse(f"The studio answers on this machine only, not as '{host[:80]}'.", 403)
        origin = request.headers.get("origin")
        if origin is None:
            foreign = is_socket and "authorization" not in request.headers
            foreign |= request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        else:
            foreign = urlsplit(origin).scheme not in ("http", "https") or urlsplit(origin).netloc != host
        if foreign:
            return PlainTextResponse("The request comes from another page than the studio's own.", 403)
        bearer = request.headers.get("authorization", "")
        given = [
            request.cookies.get(self._cookie, ""),
            bearer.removeprefix("Bearer ") if bearer.startswith("Bearer ") else "",
            request.query_params.get("token", ""),
        ]
        if not self._is_right(given):
            return PlainTextResponse("Open the address that 'worldsim studio' printed: it holds the token.", 403)
        return None

    def _is_right(self, given: Iterable[str]) -> bool:
        return any(hmac.compare_digest(one.encode(), self._token.encode()) for one in given)

    def _exchanged(self, request: HTTPConnection) -> Response:
        rest = urlencode([pair for pair in parse_qsl(request.url.query) if pair[0] != "token"])
        answer = RedirectResponse(request.url.path + (f"?{rest}" if rest else ""), 303)
        answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
        return answer


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
