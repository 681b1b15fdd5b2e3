"""Which of the parallel workers runs which test (pytest-xdist)."""

from xdist.scheduler import LoadScopeScheduling

# A file whose tests share what a worker prepares for them: a site that was made with the wheel, or the import of schemathesis. The
# wheel itself is built once in each worker. By name: the marker of xdist 3.8 for groups has no effect with pytest 9.2, whose
# node ids are fixed.
TOGETHER = ("tests/integration/", "tests/site/test_api_contract.py")


class Scheduling(LoadScopeScheduling):
    """Gives the next test to the worker that is free, and all tests of one file of TOGETHER to the same worker."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0] if nodeid.startswith(TOGETHER) else nodeid
