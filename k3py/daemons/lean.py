"""Imports less than libraries would: a daemon keeps for months whatever it imported once. Acts.

``httpx`` imports its command line (click, rich, pygments) where these are installed: 4.6 MB. ``pyroute2`` imports its
network database with SQLite and everything else it has: 4.5 MB. Both were measured as private memory of the VPC daemon.
"""

import importlib.util
import sys
from typing import Final

# The one part that httpx does without when it cannot be imported.
_LEFT_OUT: Final = "httpx._main"
# The package whose own module does nothing but import its parts; they import one another by their full names.
_BARE: Final = "pyroute2"


def import_less() -> None:
    """To be called before anything imports these libraries; later it changes nothing, and neither for other programs.

    A library that is not installed is not missed here.
    """
    sys.modules.setdefault(_LEFT_OUT, None)  # type: ignore[arg-type]
    spec = importlib.util.find_spec(_BARE) if _BARE not in sys.modules else None
    if spec is not None:
        sys.modules[_BARE] = importlib.util.module_from_spec(spec)
