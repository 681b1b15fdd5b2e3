class BenchmarkError(Exception):
    """The run cannot go on, or its figures would mean nothing; the message says why."""


class MissingError(Exception):
    """Something that is compared with, or measured on, is not installed; the message says what."""
