"""The demo of payments: the payment provider and the buyer's wallet; no money moves.

`simulator` signs and sends callbacks as a provider does; `wallet` is the page that a phone shows after scanning the QR
code; `lab` replays the documented behaviour of providers.

Invariants: a simulated callback is signed, verified and stored like every other one, so the demo has no way around the
checks. The wallet pays only where PAYMENT_DEMO_WALLET is on, and the lab runs only where DEBUG is on.

May import: everything of orders but views and admin.
"""
