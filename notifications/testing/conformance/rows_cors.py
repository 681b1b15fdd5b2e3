"""Rows about pages of other origins."""

from notifications.testing.conformance.registry import RowSkipped, expect, row
from notifications.testing.conformance.target import Target

FETCH = "https://fetch.spec.whatwg.org/"
CHECK, CREDENTIALS = f"{FETCH}#concept-cors-check", f"{FETCH}#cors-protocol-and-credentials"
STRANGER = "https://stranger.invalid"
ALLOW, WITH_CREDENTIALS = "access-control-allow-origin", "access-control-allow-credentials"


@row("cors-stranger", "must", CREDENTIALS, "Any site that a person visits can read that person's stream.")
async def strangers_may_not_read_with_cookies(target: Target) -> None:
    for origin in (STRANGER, "null"):
        response = await target.ask(headers={"Origin": origin})
        response.close()
        allowed, credentials = response.header(ALLOW), response.header(WITH_CREDENTIALS)
        expect(not (allowed == origin and credentials == "true"), f"{origin} may read with cookies")


@row("cors-star", "must", CREDENTIALS, "The browser refuses the stream, though the server meant to allow it.")
async def star_is_without_credentials(target: Target) -> None:
    for origin in (STRANGER, target.origin):
        response = await target.ask(headers={"Origin": origin})
        response.close()
        allowed, credentials = response.header(ALLOW), response.header(WITH_CREDENTIALS)
        expect(not (allowed == "*" and credentials == "true"), "any origin (*) is allowed together with cookies")


@row("cors-allowed", "must", CHECK, "Pages of a site that is allowed get no stream.")
async def an_allowed_origin_may_read(target: Target) -> None:
    if not target.origin:
        raise RowSkipped("it needs --origin")
    async with target.stream({"Origin": target.origin}) as response:
        expect(response.header(ALLOW) == target.origin, f"{ALLOW} is {response.header(ALLOW)}")
        expect(
            response.header(WITH_CREDENTIALS) == "true", f"{WITH_CREDENTIALS} is {response.header(WITH_CREDENTIALS)}"
        )


@row("cors-vary", "should", f"{FETCH}#cors-protocol-and-http-caches", "A cache gives one origin's answer to another.")
async def caches_tell_origins_apart(target: Target) -> str:
    response = await target.ask(headers={"Origin": target.origin or STRANGER})
    response.close()
    allowed = response.header(ALLOW)
    if allowed in (None, "*"):
        raise RowSkipped("the answer is the same for each origin" if allowed else "no origin is allowed")
    vary = (response.header("vary") or "").lower()
    expect("origin" in vary or vary == "*", f"Vary is {vary or 'missing'}")
    return f"Vary: {vary}"
