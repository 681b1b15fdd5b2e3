"""The files under deploy/."""

from tests.support.services import ROOT

DEPLOY = ROOT / "deploy"
