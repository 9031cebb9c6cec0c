"""What compysition.actors was called up to 1.1: the same names, and the same submodules."""

import importlib
import pkgutil
import sys

from compysition import actors
from compysition.actors import *  # noqa: F403

# Names of 1.0
MajorDomoBroker = actors.MDPBroker
BrokerRegistrationService = actors.MDPBrokerRegistrationService

__all__ = list(actors.__all__)
__all__ += ["BrokerRegistrationService", "MajorDomoBroker"]

for _module in pkgutil.iter_modules(actors.__path__):
    if not _module.name.startswith("_"):
        sys.modules[f"{__name__}.{_module.name}"] = importlib.import_module(
            f"{actors.__name__}.{_module.name}"
        )
