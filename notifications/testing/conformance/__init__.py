"""A conformance suite for servers of Server-Sent Events: `python -m notifications.testing.conformance URL`.

It runs against any address and knows nothing of Django. `registry` has the rows: a name, a level, the paragraph that a row holds,
what a user of a server that fails it would notice, and a function that tries it. The modules `rows_…` define them, by subject;
`target` is the server under test, `client` reads it byte by byte, `runner` runs the rows, `report` shows the results.

Invariants: no row needs settings or a database; each ends by itself; what cannot be tried is skipped with its reason.

May import: the standard library, tqdm, and the parser of notifications.testing.
"""

__all__: list[str] = []
