class BenchmarkError(Exception):
    """The run cannot go on, or its figures would mean nothing; the message says why."""
