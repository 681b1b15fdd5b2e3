"""Tokens: a phone or a script reads its notifications without a session, by `Authorization: Bearer …`.

`signed` makes this app's own tokens and reads them, `authenticators` asks the site's functions for tokens of other kinds,
`granting` says what the headers of many requests grant, and `responses` authenticates a request of the API.

Invariants:
- A request with a token is that of the token's user, whatever cookie it has. A token that nobody accepts is refused with 401:
  the request is neither anonymous nor that of the cookie's user.
- Credentials that browsers send by themselves (AMBIENT) are no tokens: pages of other sites could use them.
- A token is neither stored nor logged, and is not read from a URL.

May import: log, conf.
"""

from notifications.tokens.granting import Grant, bears_token, grants_of
from notifications.tokens.responses import authenticate_request
from notifications.tokens.signed import InvalidToken, make

__all__ = ["Grant", "InvalidToken", "authenticate_request", "bears_token", "grants_of", "make"]
