"""The errors of compysition.

CompysitionException, an Exception, is the base; every other class derives from it directly.
"""

from compysition._core import (
    ActorInitFailure,
    ActorTimeout,
    BadGateway,
    CompysitionException,
    EventAttributeError,
    EventCommandNotAllowed,
    EventRateExceeded,
    ForbiddenEvent,
    GatewayTimeout,
    InvalidActorInput,
    InvalidActorOutput,
    InvalidEventConversion,
    InvalidEventDataModification,
    MalformedEventData,
    QueueConnected,
    QueueEmpty,
    QueueFull,
    ReservedName,
    ResourceConflict,
    ResourceGone,
    ResourceNotFound,
    ResourceNotModified,
    ServiceUnavailable,
    SetupError,
    UnauthorizedEvent,
    UnprocessableEventData,
)

# The names of versions 1.0 and 1.1.
ModuleInitFailure = ActorInitFailure
InvalidInputException = InvalidActorInput
InvalidEventDataException = InvalidEventDataModification
InvalidModificationException = InvalidEventDataModification
QueueOccupied = QueueConnected


class NoSuchModule(CompysitionException):
    """No module has that name (1.1; never raised now)."""


class NoConnectedQueues(CompysitionException):
    """A module has no connected queues (1.1; never raised now)."""


class QueueMissing(CompysitionException):
    """A queue does not exist (1.1; never raised now)."""


class QueueLocked(CompysitionException):
    """A queue is locked (1.1; never raised now)."""


__all__ = [
    "ActorInitFailure",
    "ActorTimeout",
    "BadGateway",
    "CompysitionException",
    "EventAttributeError",
    "EventCommandNotAllowed",
    "EventRateExceeded",
    "ForbiddenEvent",
    "GatewayTimeout",
    "InvalidActorInput",
    "InvalidActorOutput",
    "InvalidEventConversion",
    "InvalidEventDataException",
    "InvalidEventDataModification",
    "InvalidInputException",
    "InvalidModificationException",
    "MalformedEventData",
    "ModuleInitFailure",
    "NoConnectedQueues",
    "NoSuchModule",
    "QueueConnected",
    "QueueEmpty",
    "QueueFull",
    "QueueLocked",
    "QueueMissing",
    "QueueOccupied",
    "ReservedName",
    "ResourceConflict",
    "ResourceGone",
    "ResourceNotFound",
    "ResourceNotModified",
    "ServiceUnavailable",
    "SetupError",
    "UnauthorizedEvent",
    "UnprocessableEventData",
]
