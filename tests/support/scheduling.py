"""Which of the parallel workers runs which test (pytest-xdist)."""

from xdist.scheduler import LoadScopeScheduling

# What one worker prepares for all of these tests, instead of each: the wheel and its installation, and the import of
# schemathesis. By name: the marker of xdist 3.8 for groups has no effect with pytest 9.2, whose node ids are fixed.
TOGETHER = ("tests/integration/", "tests/site/test_api_contract.py")


class Scheduling(LoadScopeScheduling):
    """Gives the next test to the worker that is free, and all tests of one entry of TOGETHER to the same worker."""

    def _split_scope(self, nodeid: str) -> str:
        return next((path for path in TOGETHER if nodeid.startswith(path)), nodeid)
