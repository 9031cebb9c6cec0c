"""The C core of compysition."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, Literal, Self, TypeVar, final, type_check_only

from _typeshed import structseq
from typing_extensions import disjoint_base

from compysition.actors.mdpbroker import Service, Worker

_E = TypeVar("_E", bound=Event)
_Path = str | bytes | os.PathLike[str]
_Paths = _Path | Iterable[_Path]

# ---- errors ----

class CompysitionException(Exception):
    code: Any
    @property
    def message(self) -> list[Any]: ...
    @message.setter
    def message(self, value: object, /) -> None: ...
    def __init__(self, message: object = "", code: object = None, **attributes: object) -> None: ...
    def __getattr__(self, name: str, /) -> Any: ...

class QueueEmpty(CompysitionException): ...
class QueueFull(CompysitionException): ...
class QueueConnected(CompysitionException): ...
class SetupError(CompysitionException): ...
class ReservedName(CompysitionException): ...
class ActorInitFailure(CompysitionException): ...
class InvalidEventConversion(CompysitionException): ...
class InvalidEventDataModification(CompysitionException): ...
class InvalidActorOutput(CompysitionException): ...
class InvalidActorInput(CompysitionException): ...
class ResourceNotModified(CompysitionException): ...
class MalformedEventData(CompysitionException): ...
class UnauthorizedEvent(CompysitionException): ...
class ForbiddenEvent(CompysitionException): ...
class ResourceNotFound(CompysitionException): ...
class EventCommandNotAllowed(CompysitionException): ...
class ActorTimeout(CompysitionException): ...
class ResourceConflict(CompysitionException): ...
class ResourceGone(CompysitionException): ...
class UnprocessableEventData(CompysitionException): ...
class EventRateExceeded(CompysitionException): ...
class ServiceUnavailable(CompysitionException): ...
class BadGateway(CompysitionException): ...
class GatewayTimeout(CompysitionException): ...
class EventAttributeError(CompysitionException): ...

# ---- events ----

DEFAULT: Final[object]
http_code_map: defaultdict[type, dict[str, Any]]

class DataFormatInterface: ...

class _JSONFormatInterface(DataFormatInterface):
    conversion_methods: ClassVar[Mapping[type, Callable[[Any], Any]]]
    content_type: ClassVar[str]
    def data_string(self) -> str: ...
    def error_string(self) -> str | None: ...

@final
class XMLParser:
    def __new__(
        cls,
        allowed_paths: _Paths | None = None,
        *,
        allowed_urls: str | Iterable[str] | None = None,
        huge: bool = False,
    ) -> Self: ...
    @property
    def allowed_paths(self) -> tuple[str, ...]: ...
    @property
    def allowed_urls(self) -> tuple[str, ...]: ...
    @property
    def huge(self) -> bool: ...

class _XMLFormatInterface(DataFormatInterface):
    conversion_methods: ClassVar[Mapping[type, Callable[[Any], Any]]]
    xml_parser: ClassVar[XMLParser | None]
    content_type: ClassVar[str]
    def data_string(self) -> str: ...
    def format_error(self) -> Any: ...
    def error_string(self) -> str | None: ...

@disjoint_base
class Event:
    conversion_methods: ClassVar[Mapping[type, Callable[[Any], Any]]]
    meta_id: Any
    service: Any
    data: Any
    error: Any
    created: datetime
    @property
    def event_id(self) -> str: ...
    def __init__(
        self,
        meta_id: object = None,
        service: object = None,
        data: object = None,
        *args: object,
        **attributes: object,
    ) -> None: ...
    def get(self, key: str, default: Any = ...) -> Any: ...
    def set(self, key: str, value: object) -> bool: ...
    def lookup(self, path: str | Sequence[Any]) -> Any: ...
    def get_properties(self) -> dict[str, Any]: ...
    def convert(self, cls: type[_E]) -> _E: ...
    def clone(self) -> Self: ...
    def data_string(self) -> str: ...
    def format_error(self) -> Any: ...
    def error_string(self) -> str | None: ...
    def _set_error(self, exception: object, /) -> None: ...
    def to_string(self) -> str: ...
    @classmethod
    def from_string(cls, text: str) -> Self: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: dict[int, Any], /) -> Self: ...
    def __getstate__(self) -> dict[str, Any]: ...
    def __setstate__(self, state: dict[str, Any], /) -> None: ...
    def __getattr__(self, name: str, /) -> Any: ...
    def __setattr__(self, name: str, value: Any, /) -> None: ...

def _store_attribute(event: Event, name: str, value: object = ..., /) -> None: ...

class HttpEvent(Event):
    content_type: ClassVar[str]
    headers: dict[str, Any]
    environment: dict[str, Any]
    method: Any
    status: Any
    def __init__(
        self,
        headers: Mapping[str, Any] | None = None,
        status: object = (200, "OK"),
        environment: Mapping[str, Any] | None = None,
        *args: object,
        **attributes: object,
    ) -> None: ...

class JSONEvent(_JSONFormatInterface, Event): ...
class JSONHttpEvent(JSONEvent, HttpEvent): ...
class XMLEvent(_XMLFormatInterface, Event): ...
class XMLHttpEvent(XMLEvent, HttpEvent): ...

class LogEvent(Event):
    id: Any
    level: int
    time: str
    origin_actor: str
    message: str
    def __init__(self, level: int, origin_actor: str, message: str, id: object = None) -> None: ...

def internal_xmlify(data: Any, /) -> Any: ...
def remove_internal_xmlify(data: Any, /) -> Any: ...
def _is_markup(text: str, /) -> bool: ...
def _lxml_shares_trees() -> bool: ...

# ---- waiting ----

def sleep(seconds: float = 0, /) -> None: ...

# ---- queues ----

@disjoint_base
class Queue:
    name: Any
    @property
    def maxsize(self) -> int: ...
    @maxsize.setter
    def maxsize(self, value: int | None, /) -> None: ...
    def __init__(
        self, name: str, maxsize: int | None = None, *args: object, **kwargs: object
    ) -> None: ...
    def put(self, element: object, block: bool = True, timeout: float | None = None) -> None: ...
    def put_nowait(self, element: object) -> None: ...
    def get(self, block: bool = False, timeout: float | None = None) -> Any: ...
    def get_nowait(self) -> Any: ...
    def next(self) -> Any: ...
    def peek(self, block: bool = True, timeout: float | None = None) -> Any: ...
    def qsize(self) -> int: ...
    def empty(self) -> bool: ...
    def full(self) -> bool: ...
    def wait_until_content(self) -> None: ...
    def wait_until_empty(self) -> None: ...
    def wait_until_free(self) -> None: ...
    def dump(self, other_queue: Queue) -> None: ...
    def __bool__(self) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...

@disjoint_base
class _InternalQueuePool(dict[Any, Queue]):
    @property
    def placeholder(self) -> str | None: ...
    size: int
    def __init__(
        self, placeholder: str | None = None, size: int = 0, *args: object, **kwargs: object
    ) -> None: ...
    def add(self, name: str, queue: Queue | None = None) -> Queue: ...

@disjoint_base
class QueuePool:
    @property
    def inbound(self) -> _InternalQueuePool: ...
    @property
    def outbound(self) -> _InternalQueuePool: ...
    @property
    def error(self) -> _InternalQueuePool: ...
    @property
    def logs(self) -> _InternalQueuePool: ...
    @property
    def inbound_queues(self) -> _InternalQueuePool: ...
    @property
    def outbound_queues(self) -> _InternalQueuePool: ...
    @property
    def error_queues(self) -> _InternalQueuePool: ...
    @property
    def default_outbound_queues(self) -> _InternalQueuePool: ...
    @property
    def size(self) -> int: ...
    def __init__(self, size: int = 0) -> None: ...
    def list_all_queues(self) -> list[Queue]: ...
    def join(self) -> None: ...

# ---- loggers ----

@disjoint_base
class Logger:
    name: Any
    level: int
    forward: Any
    @property
    def pool(self) -> _InternalQueuePool: ...
    def __init__(self, name: str, queue_pool: _InternalQueuePool) -> None: ...
    def critical(
        self, message: object, event: Event | None = None, log_entry_id: object = None
    ) -> None: ...
    def error(
        self, message: object, event: Event | None = None, log_entry_id: object = None
    ) -> None: ...
    def warning(
        self, message: object, event: Event | None = None, log_entry_id: object = None
    ) -> None: ...
    def warn(
        self, message: object, event: Event | None = None, log_entry_id: object = None
    ) -> None: ...
    def info(
        self, message: object, event: Event | None = None, log_entry_id: object = None
    ) -> None: ...
    def debug(
        self, message: object, event: Event | None = None, log_entry_id: object = None
    ) -> None: ...
    def log(
        self, level: int, message: object, event: Event | None = None, log_entry_id: object = None
    ) -> None: ...

# ---- greenlets of actors ----

@final
class Task:
    @property
    def dead(self) -> bool: ...
    @property
    def started(self) -> bool: ...
    @property
    def value(self) -> Any: ...
    @property
    def exception(self) -> BaseException | None: ...
    def join(self, timeout: float | None = None) -> None: ...
    def get(self, block: bool = True, timeout: float | None = None) -> Any: ...
    def kill(
        self, exception: object = None, block: bool = True, timeout: float | None = None
    ) -> None: ...
    def ready(self) -> bool: ...
    def successful(self) -> bool: ...
    def link(self, callback: Callable[[Task], object]) -> None: ...
    def rawlink(self, callback: Callable[[Task], object]) -> None: ...
    def unlink(self, callback: Callable[[Task], object]) -> None: ...

@disjoint_base
class RestartPool:
    sleep_interval: float
    @property
    def logger(self) -> Logger | None: ...
    @property
    def greenlets(self) -> list[Task]: ...
    def __init__(
        self, size: object = None, logger: Logger | None = None, sleep_interval: float = 1
    ) -> None: ...
    def spawn(
        self,
        function: Callable[..., object],
        /,
        *args: object,
        restart: bool = True,
        **kwargs: object,
    ) -> Task: ...
    def join(self, timeout: float | None = None, raise_error: bool = False) -> None: ...
    def kill(
        self, exception: object = None, block: bool = True, timeout: float | None = None
    ) -> None: ...
    def killone(self, greenlet: Task, *args: Any, **kwargs: Any) -> None: ...
    def apply(
        self,
        func: Callable[..., Any],
        args: Sequence[Any] = (),
        kwds: Mapping[str, Any] | None = None,
    ) -> Any: ...
    def apply_async(
        self,
        func: Callable[..., Any],
        args: Sequence[Any] = (),
        kwds: Mapping[str, Any] | None = None,
        callback: Callable[[Any], object] | None = None,
    ) -> Task: ...
    def map(self, func: Callable[..., Any], iterable: Iterable[Any]) -> list[Any]: ...
    def map_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Any],
        callback: Callable[[Any], object] | None = None,
    ) -> Task: ...
    def imap(self, func: Callable[..., Any], *iterables: Iterable[Any]) -> Iterator[Any]: ...
    def imap_unordered(
        self, func: Callable[..., Any], *iterables: Iterable[Any]
    ) -> Iterator[Any]: ...
    def full(self) -> bool: ...
    def free_count(self) -> int: ...
    def wait_available(self, timeout: float | None = None) -> int: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Task]: ...

# ---- actors ----

@disjoint_base
class Actor:
    input: ClassVar[type[Event] | Sequence[type[Event]]]
    output: ClassVar[type[Event] | Sequence[type[Event]]]
    REQUIRED_EVENT_ATTRIBUTES: ClassVar[Sequence[str] | None]
    DEFAULT_EVENT_SERVICE: ClassVar[str]
    name: Any
    blockdiag_config: dict[str, Any]
    rescue: bool
    max_rescue: int
    blocking_consume: bool
    concurrency: int
    @property
    def pool(self) -> QueuePool: ...
    logger: Logger
    @property
    def threads(self) -> RestartPool: ...
    size: int
    def __init__(
        self,
        name: str,
        size: int = 0,
        blocking_consume: bool = False,
        rescue: bool = False,
        max_rescue: int = 5,
        *args: Any,
        concurrency: int = 1000,
        **kwargs: Any,
    ) -> None: ...
    def send_event(
        self,
        event: Event,
        queues: Iterable[Queue] | Mapping[Any, Queue] | None = None,
        check_output: bool = True,
        queue: Queue | None = None,
    ) -> None: ...
    def send_error(
        self,
        event: Event,
        queue: Queue | None = None,
        queues: Iterable[Queue] | Mapping[Any, Queue] | None = None,
    ) -> None: ...
    def create_event(self, *args: Any, **kwargs: Any) -> Any: ...
    def register_consumer(self, queue_name: str, queue: Queue) -> None: ...
    def connect_queue(
        self,
        source_queue_name: str = "outbox",
        destination: Actor | None = None,
        destination_queue_name: str = "inbox",
        check_existing: bool = True,
    ) -> None: ...
    def connect_error_queue(
        self,
        destination_queue_name: str = "inbox",
        source_queue_name: str = "outbox",
        destination: Actor | None = None,
        check_existing: bool = True,
    ) -> None: ...
    def connect_log_queue(
        self,
        destination_queue_name: str = "inbox",
        source_queue_name: str = "outbox",
        destination: Actor | None = None,
        check_existing: bool = True,
    ) -> None: ...
    def connect(
        self,
        source_queue_name: str = "outbox",
        destination: Actor | None = None,
        destination_queue_name: str = "inbox",
        check_existing: bool = True,
    ) -> None: ...
    def connect_error(
        self,
        source_queue_name: str = "outbox",
        destination: Actor | None = None,
        destination_queue_name: str = "inbox",
        check_existing: bool = True,
    ) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def block(self) -> None: ...
    def loop(self) -> bool: ...
    def is_running(self) -> bool: ...

class Null(Actor):
    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

@disjoint_base
class STDOUT(Actor):
    complete: bool
    prefix: Any
    timestamp: bool
    def __init__(
        self,
        name: str,
        complete: bool = False,
        prefix: str = "",
        timestamp: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

@disjoint_base
class EventLogger(Actor):
    level: int
    logged_tags: Sequence[str]
    log_full_event: bool
    prefix: Any
    def __init__(
        self,
        name: str,
        level: int = 20,
        logged_tags: Sequence[str] = ["data"],
        log_full_event: bool = True,
        prefix: str = "",
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

@disjoint_base
class XSLT(Actor):
    def __init__(
        self,
        name: str,
        xslt: _Path | None = None,
        parameters: Mapping[str, object] | None = None,
        allowed_paths: _Paths | None = None,
        *args: Any,
        allowed_urls: str | Iterable[str] | None = None,
        huge: bool = False,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def transform(self, element: Any, /) -> Any: ...
    @property
    def template(self) -> Any: ...

@disjoint_base
class XSD(Actor):
    @property
    def schema(self) -> _Path | None: ...
    def __init__(
        self,
        name: str,
        xsd: _Path | None = None,
        allowed_paths: _Paths | None = None,
        *args: Any,
        allowed_urls: str | Iterable[str] | None = None,
        huge: bool = False,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def process_error(self, message: list[str], event: Event) -> None: ...

@disjoint_base
class DictToXML(Actor):
    key: str
    escape_xml: bool
    def __init__(
        self, name: str, escape_xml: bool = False, key: str = ..., *args: Any, **kwargs: Any
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

class PropertiesToXML(DictToXML): ...

@disjoint_base
class XMLToDict(Actor):
    flatten: bool
    def __init__(self, name: str, flatten: bool = False, *args: Any, **kwargs: Any) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

class FlowController(Actor):
    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

@disjoint_base
class EventAttributeModifier(Actor):
    key: str | list[Any]
    value: Any
    separator: str
    log_change: bool
    def __init__(
        self,
        name: str,
        key: str | list[Any] | None = "data",
        value: Any = {},
        log_change: bool = False,
        separator: str = "/",
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def get_modify_value(self, event: Event) -> Any: ...
    def get_key_chain_value(self, event: Event, value: Any) -> Event: ...

class EventAttributeLookupModifier(EventAttributeModifier):
    def __init__(
        self,
        name: str,
        key: str | list[Any] | None = "data",
        value: Any = {},
        log_change: bool = False,
        separator: str = "/",
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def get_modify_value(self, event: Event) -> Any: ...

@disjoint_base
class XpathEventAttributeModifer(EventAttributeModifier):
    def __init__(
        self,
        name: str,
        key: str | list[Any] | None = "data",
        value: str = ...,
        log_change: bool = False,
        separator: str = "/",
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def get_modify_value(self, event: Event) -> Any: ...

class HTTPXpathEventAttributeModifier(XpathEventAttributeModifer):
    def __init__(
        self,
        name: str,
        value: str,
        log_change: bool = False,
        separator: str = "/",
        *args: Any,
        **kwargs: Any,
    ) -> None: ...

class HTTPStatusModifier(EventAttributeModifier):
    def __init__(
        self,
        name: str,
        value: Any = (200, "OK"),
        log_change: bool = False,
        separator: str = "/",
        *args: Any,
        **kwargs: Any,
    ) -> None: ...

class JSONEventAttributeModifier(EventAttributeModifier):
    def __init__(
        self,
        name: str,
        separator: str = "/",
        key: str | list[Any] | None = "data",
        value: str | Sequence[Any] = ...,
        log_change: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def get_modify_value(self, event: Event) -> Any: ...

class HTTPJSONAttributeModifier(JSONEventAttributeModifier):
    def __init__(
        self,
        name: str,
        value: str | Sequence[Any],
        log_change: bool = False,
        separator: str = "/",
        *args: Any,
        **kwargs: Any,
    ) -> None: ...

class EventDataEventAttributeModifier(EventAttributeModifier):
    def __init__(
        self,
        name: str,
        key: str | list[Any] | None = "data",
        value: Any = {},
        log_change: bool = False,
        separator: str = "/",
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def get_modify_value(self, event: Event) -> Any: ...
    def get_key_chain_value(self, event: Event, value: Any) -> Event: ...

class EventDataStaticAttributeModifier(EventAttributeModifier):
    def __init__(
        self,
        name: str,
        key: str | list[Any] | None = "data",
        value: Any = {},
        log_change: bool = False,
        separator: str = "/",
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def get_key_chain_value(self, event: Event, value: Any) -> Event: ...

@disjoint_base
class EventDataAggregator(Actor):
    key: Any
    def __init__(self, name: str, key: str = ..., *args: Any, **kwargs: Any) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

class EventDataXMLAggregator(EventDataAggregator):
    def __init__(self, name: str, key: str = ..., *args: Any, **kwargs: Any) -> None: ...

@disjoint_base
class JSONValidator(Actor):
    @property
    def schema(self) -> Any: ...
    def __init__(
        self,
        name: str,
        schema: str | bytes | os.PathLike[str] | dict[str, Any] | None = None,
        *args: Any,
        retrieve: Callable[[str], Any] | None = None,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def process_error(self, message: Any, event: Event) -> None: ...
    def _build_formatter(self) -> Any: ...

@disjoint_base
class MatchedEvent:
    key: Any
    @property
    def created(self) -> datetime: ...
    @property
    def inboxes_reported(self) -> dict[Any, Any]: ...
    @property
    def joined(self) -> Any: ...
    def __init__(self, inboxes: Iterable[Any], key: str | None = None) -> None: ...
    def report_inbox(self, inbox: Any, data: Any) -> None: ...
    def all_inboxes_reported(self) -> bool: ...

class MatchedJSONEvent(MatchedEvent): ...
class MatchedXMLEvent(MatchedEvent): ...

@disjoint_base
class EventJoin(Actor):
    matched_event_class: ClassVar[type[MatchedEvent]]
    key: Any
    purge_interval: float | None
    @property
    def events(self) -> dict[str, MatchedEvent]: ...
    def __init__(
        self,
        name: str,
        purge_interval: float | None = None,
        *args: Any,
        key: str = ...,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

class JSONEventJoin(EventJoin):
    def __init__(
        self,
        name: str,
        purge_interval: float | None = None,
        *args: Any,
        key: str = ...,
        **kwargs: Any,
    ) -> None: ...

class XMLEventJoin(EventJoin):
    def __init__(
        self,
        name: str,
        purge_interval: float | None = None,
        *args: Any,
        key: str = ...,
        **kwargs: Any,
    ) -> None: ...

@disjoint_base
class EventGenerator(Actor):
    DEFAULT_INTERVAL: ClassVar[dict[str, Any]]
    event_kwargs: dict[str, Any]
    delay: Any
    producers: int
    max_events: int
    generate_error: bool
    interval: Any
    @property
    def scheduler(self) -> Any: ...
    def __init__(
        self,
        name: str,
        event_class: type[Event] | Sequence[type[Event]] = ...,
        event_kwargs: Mapping[str, Any] | None = None,
        producers: int = 1,
        interval: Any = 5,
        delay: Any = 0,
        generate_error: bool = False,
        *args: Any,
        max_events: int = 0,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def pre_hook(self) -> None: ...
    def post_hook(self) -> None: ...

class CronEventGenerator(EventGenerator):
    def __init__(
        self,
        name: str,
        event_class: type[Event] | Sequence[type[Event]] = ...,
        event_kwargs: Mapping[str, Any] | None = None,
        producers: int = 1,
        interval: Any = 5,
        delay: Any = 0,
        generate_error: bool = False,
        *args: Any,
        max_events: int = 0,
        **kwargs: Any,
    ) -> None: ...

@disjoint_base
class SMTPOut(Actor):
    address: Any
    domain: Any
    key: Any
    body_tag: Any
    @property
    def host(self) -> Any: ...
    def __init__(
        self,
        name: str,
        from_address: str | None = None,
        domain: str | None = None,
        key: Any = None,
        host: str | tuple[str, int] = ...,
        tls: str = "none",
        user: str | None = None,
        password: str | None = None,
        verify: Any = True,
        timeout: float = 30.0,
        retries: int = 2,
        backoff: float = 1.0,
        *args: Any,
        concurrency: int = 10,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def send(self, msg: Any, to: str | Sequence[str], from_address: str) -> None: ...
    def normalize_address(self, address: str | None, domain: str | None) -> str | None: ...

@disjoint_base
class UDPInterface:
    def __init__(
        self,
        service: str,
        logger: Any = None,
        interval: float | None = None,
        expiry: float | None = None,
        burn_in_pings: int | None = None,
        broadcast: str | None = None,
        *,
        address: str | None = None,
        interface: str | None = None,
        port: int | None = None,
        key: bytes | str | None = None,
    ) -> None: ...
    @property
    def service(self) -> str: ...
    @property
    def uuid(self) -> str: ...
    @property
    def logger(self) -> Any: ...
    @property
    def address(self) -> str: ...
    @property
    def interface(self) -> str | None: ...
    @property
    def port(self) -> int: ...
    @property
    def interval(self) -> float: ...
    @property
    def expiry(self) -> float: ...
    @property
    def burn_in_pings(self) -> int: ...
    @property
    def peers(self) -> dict[str, Any]: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def is_master(self) -> bool: ...
    def is_slave(self) -> bool: ...
    def wait_until_master(self, timeout: float | None = None) -> bool: ...
    def block(self) -> None: ...

@disjoint_base
class UDPEventGenerator(EventGenerator):
    @property
    def peers_interface(self) -> UDPInterface: ...
    def __init__(
        self,
        name: str,
        service: str = "default",
        environment_scope: str = "default",
        event_class: type[Event] | Sequence[type[Event]] = ...,
        event_kwargs: Mapping[str, Any] | None = None,
        producers: int = 1,
        interval: Any = 5,
        delay: Any = 0,
        generate_error: bool = False,
        *args: Any,
        max_events: int = 0,
        address: str | None = None,
        interface: str | None = None,
        port: int | None = None,
        key: bytes | str | None = None,
        ping_interval: float | None = None,
        expiry: float | None = None,
        burn_in_pings: int | None = None,
        **kwargs: Any,
    ) -> None: ...

class UDPCronEventGenerator(UDPEventGenerator, CronEventGenerator):
    def __init__(
        self,
        name: str,
        service: str = "default",
        environment_scope: str = "default",
        event_class: type[Event] | Sequence[type[Event]] = ...,
        event_kwargs: Mapping[str, Any] | None = None,
        producers: int = 1,
        interval: Any = 5,
        delay: Any = 0,
        generate_error: bool = False,
        *args: Any,
        max_events: int = 0,
        address: str | None = None,
        interface: str | None = None,
        port: int | None = None,
        key: bytes | str | None = None,
        ping_interval: float | None = None,
        expiry: float | None = None,
        burn_in_pings: int | None = None,
        **kwargs: Any,
    ) -> None: ...

class TestEvent(EventGenerator):
    __test__: ClassVar[bool]
    def __init__(
        self,
        name: str,
        data_value: Any = "test",
        headers: Mapping[str, Any] = {},
        producers: int = 1,
        interval: Any = 1,
        delay: Any = 0,
        max_events: int = 0,
        generate_error: bool = True,
        *args: Any,
        **kwargs: Any,
    ) -> None: ...

@disjoint_base
class FileLogger(Actor):
    default_filename: str
    directory: Any
    level: int
    maxBytes: int
    backupCount: int
    @property
    def loggers(self) -> dict[str, Any]: ...
    def __init__(
        self,
        name: str,
        default_filename: str = "compysition.log",
        level: str | int = "INFO",
        directory: Any = "logs",
        maxBytes: int = 20000000,
        backupCount: int = 10,
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def post_hook(self) -> None: ...

@disjoint_base
class RedactedFileLogger(FileLogger):
    @property
    def patterns(self) -> list[re.Pattern[str]]: ...
    def __init__(
        self,
        name: str,
        patterns: str | Iterable[str | re.Pattern[str]],
        default_filename: str = "compysition.log",
        level: str | int = "INFO",
        directory: Any = "logs",
        maxBytes: int = 20000000,
        backupCount: int = 10,
        *args: Any,
        **kwargs: Any,
    ) -> None: ...

@disjoint_base
class EventFilter:
    value_regexes: list[re.Pattern[str]]
    outbox_names: list[str]
    outboxes: list[Queue]
    event_scope: tuple[Any, ...]
    next_filter: EventFilter | None
    def __init__(
        self,
        value_regexes: str | Sequence[str] = ".*",
        outbox_names: str | Sequence[str] = ...,
        event_scope: str | tuple[Any, ...] = ...,
        next_filter: EventFilter | None = None,
    ) -> None: ...
    def matches(self, event: Event, /) -> bool: ...
    def set_next_filter(self, filter: EventFilter | None, /) -> None: ...
    def parse_value_regexes(
        self, value_regexes: str | Sequence[str], /
    ) -> list[re.Pattern[str]]: ...
    def _get_value(self, event: Event, event_scope: Any) -> Iterator[Any]: ...

@disjoint_base
class EventJSONFilter(EventFilter):
    json_scope: tuple[Any, ...] | None
    def __init__(
        self,
        json_scope: str | Sequence[Any] | None = None,
        value_regexes: str | Sequence[str] = ".*",
        outbox_names: str | Sequence[str] = ...,
        event_scope: str | tuple[Any, ...] = ...,
        next_filter: EventFilter | None = None,
    ) -> None: ...

@disjoint_base
class EventXMLFilter(EventFilter):
    @property
    def xpath(self) -> str | bytes | None: ...
    @property
    def xslt(self) -> Any: ...
    def __init__(
        self,
        xpath: str | bytes | None = None,
        xslt: _Path | None = None,
        value_regexes: str | Sequence[str] = ".*",
        outbox_names: str | Sequence[str] = ...,
        event_scope: str | tuple[Any, ...] = ...,
        next_filter: EventFilter | None = None,
    ) -> None: ...

class EventXMLXpathsFilter(EventXMLFilter):
    @property
    def regex_xpath(self) -> str | bytes | None: ...
    def __init__(
        self,
        regex_xpath: str | bytes | None = None,
        xpath: str | bytes | None = None,
        xslt: _Path | None = None,
        outbox_names: str | Sequence[str] = ...,
        event_scope: str | tuple[Any, ...] = ...,
        next_filter: EventFilter | None = None,
        value_xpath: str | bytes | None = None,
    ) -> None: ...

def _qualify_xpath(xpath: str, /) -> str: ...
@disjoint_base
class EventRouter(Actor):
    filters: list[EventFilter]
    whitelist: bool
    default_outbox_regexes: list[str]
    default_outboxes: list[Queue]
    def __init__(
        self,
        name: str,
        routing_filters: EventFilter | Sequence[EventFilter] = ...,
        type: str = "whitelist",
        default_outbox_regexes: str | Sequence[str] = ...,
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def pre_hook(self) -> None: ...
    def process_no_match(self, event: Any, /) -> None: ...
    def set_filter(self, filter: EventFilter, /) -> None: ...

@disjoint_base
class SimpleRouter(EventRouter):
    default_queue: str
    def __init__(
        self,
        name: str,
        default_queue: str = "default",
        scope: str | tuple[Any, ...] = "data",
        type: str = "blacklist",
        routing_filters: EventFilter | Sequence[EventFilter] = ...,
        default_outbox_regexes: str | Sequence[str] = ...,
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def pre_hook(self) -> None: ...

class HTTPMethodEventRouter(EventRouter):
    HTTP_METHODS: ClassVar[list[str]]
    def __init__(
        self,
        name: str,
        routing_filters: EventFilter | Sequence[EventFilter] = ...,
        type: str = "blacklist",
        default_outbox_regexes: str | Sequence[str] = ...,
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def pre_hook(self) -> None: ...
    def process_no_match(self, event: Any, /) -> None: ...

@disjoint_base
class SetCookie(Actor):
    cookie_key: str
    cookie_value: Any
    value_mode: str
    expiry: float
    path: str
    def __init__(
        self,
        name: str,
        cookie_key: str = "session",
        cookie_value: Any = "session_value",
        value_mode: str = "static",
        expiry: float = 6000,
        path: str = "/",
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

@disjoint_base
class HTTPServer(Actor):
    DEFAULT_ROUTE: ClassVar[dict[str, Any]]
    QUEUE_REGEX: ClassVar[re.Pattern[str]]
    CONTENT_TYPES: ClassVar[Sequence[str]]
    CONTENT_TYPE_MAP: ClassVar[Mapping[str, type[HttpEvent]]]
    X_WWW_FORM_URLENCODED: ClassVar[str]
    X_WWW_FORM_URLENCODED_KEY_MAP: ClassVar[Mapping[str, type[HttpEvent]]]
    address: str
    port: int
    keyfile: Any
    certfile: Any
    timeout: float
    @property
    def responders(self) -> dict[str, tuple[type[HttpEvent], None]]: ...
    @property
    def wsgi_app(self) -> HTTPServer: ...
    @property
    def connections(self) -> int: ...
    def __init__(
        self,
        name: str,
        address: str = "0.0.0.0",
        port: int = 8080,
        keyfile: _Path | None = None,
        certfile: _Path | None = None,
        routes_config: str | dict[str, Any] | None = None,
        *args: Any,
        timeout: float = 30.0,
        max_connections: int = 10000,
        max_pipelined: int = 16,
        max_target: int = 8192,
        max_head: int = 32768,
        max_headers: int = 100,
        max_body: int = 16777216,
        max_body_total: int = 268435456,
        head_timeout: float = 10.0,
        body_timeout: float = 30.0,
        idle_timeout: float = 75.0,
        write_timeout: float = 30.0,
        share_port: bool = False,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> list[bytes]: ...
    def _exchange(self, request: bytes, /) -> bytes: ...
    _bottle: Any
    def _add_route(
        self, path: object, methods: object, callback: object, options: dict[str, Any], /
    ) -> None: ...
    @property
    def plugins(self) -> list[Any]: ...
    @property
    def config(self) -> dict[str, Any]: ...
    def route(
        self,
        path: Any = None,
        method: Any = "GET",
        callback: Any = None,
        name: Any = None,
        apply: Any = None,
        skip: Any = None,
        **config: Any,
    ) -> Any: ...
    def get(self, path: Any = None, method: Any = "GET", **options: Any) -> Any: ...
    def post(self, path: Any = None, method: Any = "POST", **options: Any) -> Any: ...
    def put(self, path: Any = None, method: Any = "PUT", **options: Any) -> Any: ...
    def delete(self, path: Any = None, method: Any = "DELETE", **options: Any) -> Any: ...
    def patch(self, path: Any = None, method: Any = "PATCH", **options: Any) -> Any: ...
    def install(self, plugin: Any) -> Any: ...
    def uninstall(self, plugin: Any) -> list[Any]: ...
    def reset(self) -> None: ...
    def add_hook(self, name: str, func: Callable[..., Any]) -> None: ...
    def remove_hook(self, name: str, func: Callable[..., Any]) -> bool: ...
    def trigger_hook(self, name: str, /, *args: Any, **kwargs: Any) -> list[Any]: ...
    def hook(self, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...
    def error(self, code: int = 500, callback: Any = None) -> Any: ...
    def merge(self, routes: Iterable[Any]) -> None: ...
    def mount(self, prefix: str, app: Callable[..., Any], **options: Any) -> None: ...
    def callback(self, queue: str | None = None, *args: Any, **kwargs: Any) -> Any: ...
    def pre_hook(self) -> None: ...
    def post_hook(self) -> None: ...
    def format_response_data(self, event: Any, /) -> str | bytes | None: ...

@disjoint_base
class SMTPIn(Actor):
    host: str
    hostname: str | None
    output_format: str
    keyfile: Any
    certfile: Any
    ssl_version: Any
    @property
    def ports(self) -> list[int]: ...
    @property
    def connections(self) -> int: ...
    def __init__(
        self,
        name: str,
        host: str = "localhost",
        ports: int | Iterable[int] = [25],
        output_format: str = "xml",
        keyfile: _Path | None = None,
        certfile: _Path | None = None,
        ssl_version: object = None,
        *args: Any,
        hostname: str | None = None,
        implicit_tls: bool = False,
        max_connections: int = 1000,
        max_message: int = 33554432,
        max_message_total: int = 268435456,
        max_line: int = 65536,
        max_recipients: int = 1000,
        max_errors: int = 20,
        command_timeout: float = 300.0,
        data_timeout: float = 180.0,
        write_timeout: float = 60.0,
        share_port: bool = False,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def process_message(
        self, peer: tuple[str, int], mailfrom: str, rcpttos: list[str], data: bytes
    ) -> str | None: ...
    def pre_hook(self) -> None: ...
    def post_hook(self) -> None: ...

@disjoint_base
class TCPIn(Actor):
    host: str
    keyfile: Any
    certfile: Any
    cafile: Any
    @property
    def port(self) -> int: ...
    @property
    def connections(self) -> int: ...
    @property
    def buffered(self) -> int: ...
    def __init__(
        self,
        name: str,
        port: int = 9000,
        host: str = "0.0.0.0",
        serializer: str = "cbor",
        event_classes: Sequence[type[Event]] = (),
        max_event_bytes: int = 67108864,
        *args: Any,
        keyfile: _Path | None = None,
        certfile: _Path | None = None,
        cafile: _Path | None = None,
        max_connections: int = 1000,
        max_buffer: int = 1048576,
        max_buffer_total: int = 268435456,
        idle_timeout: float = 600.0,
        share_port: bool = False,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def pre_hook(self) -> None: ...
    def post_hook(self) -> None: ...

@disjoint_base
class TCPOut(Actor):
    listen: Any
    keyfile: Any
    certfile: Any
    cafile: Any
    server_hostname: str | None
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def connected(self) -> bool: ...
    @property
    def unacknowledged(self) -> int: ...
    def __init__(
        self,
        name: str,
        port: int = 9000,
        host: str = "127.0.0.1",
        listen: object = True,
        serializer: str = "cbor",
        event_classes: Sequence[type[Event]] = (),
        max_event_bytes: int = 67108864,
        *args: Any,
        keyfile: _Path | None = None,
        certfile: _Path | None = None,
        cafile: _Path | None = None,
        tls: bool | None = None,
        server_hostname: str | None = None,
        max_buffer: int = 16777216,
        connect_timeout: float = 10.0,
        answer_timeout: float = 60.0,
        reconnect_min: float = 0.1,
        reconnect_max: float = 10.0,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def pre_hook(self) -> None: ...
    def post_hook(self) -> None: ...

@disjoint_base
class WSGI(HTTPServer):
    base_path: str
    key: str
    def __init__(
        self,
        name: str,
        base_path: str = "/",
        address: str = "0.0.0.0",
        port: int = 8080,
        keyfile: _Path | None = None,
        certfile: _Path | None = None,
        delimiter: object = None,
        key: str | None = None,
        run_server: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

class WSGIServer(WSGI):
    def __init__(self, name: str, *args: Any, run_server: bool = True, **kwargs: Any) -> None: ...

class BottleWSGI(WSGI):
    def __init__(
        self,
        name: str,
        *args: Any,
        routes_json: str | None = None,
        filter_environment: bool = True,
        **kwargs: Any,
    ) -> None: ...
    def connect_queue(
        self,
        source_queue_name: Any = "outbox",
        destination: Actor | None = None,
        destination_queue_name: Any = "inbox",
        check_existing: bool = True,
        bottle_route_kwargs: Any = None,
        routes: Any = None,
        entity: str | None = None,
    ) -> None: ...

class BasicAuth(Actor):
    realm: str
    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def _authenticate(self, user: str, password: str, /) -> Any: ...
    @staticmethod
    def compare_digest(given: str | bytes, expected: str | bytes, /) -> bool: ...

@disjoint_base
class RESTTranslator(Actor):
    url_post_location: str | None
    def __init__(
        self, name: str, url_post_location: str | None = None, *args: Any, **kwargs: Any
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...
    def translate_post(self, event: Any, /) -> Any: ...
    def translate_get(self, event: Any, /) -> Any: ...
    def translate_put(self, event: Any, /) -> Any: ...
    def translate_patch(self, event: Any, /) -> Any: ...
    def translate_delete(self, event: Any, /) -> Any: ...

@disjoint_base
class HTTPClient(Actor):
    url: str
    def __init__(
        self,
        name: str,
        url: str,
        method: str | None = None,
        headers: Mapping[str, str | None] | None = None,
        timeout: float | None = 30.0,
        connect_timeout: float | None = 5.0,
        retries: int = 2,
        backoff: float = 0.2,
        max_connections: int | None = None,
        max_response_bytes: int = 16777216,
        verify: bool | str | os.PathLike[str] = True,
        cert: str | os.PathLike[str] | tuple[Any, ...] | None = None,
        auth: tuple[str, str] | None = None,
        proxy: str | bool | None = None,
        allow_redirects: bool | int = False,
        status_errors: bool = True,
        send_data: bool | None = None,
        response_headers: Iterable[str] | bool = ...,
        *args: Any,
        concurrency: int = 100,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

# ---- ZeroMQ ----

@disjoint_base
class MDPActor(Actor):
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

@final
class MDPRequest(structseq[Any], tuple[bytes, str | None]):
    __match_args__: Final = ("return_address", "broker")
    @property
    def return_address(self) -> bytes: ...
    @property
    def broker(self) -> str | None: ...

@disjoint_base
class MDPClient(MDPActor):
    @property
    def socket_identity(self) -> str: ...
    @property
    def service_prefix(self) -> str: ...
    @property
    def service_postfix(self) -> str: ...
    @property
    def resent(self) -> int: ...
    @property
    def late(self) -> int: ...
    @property
    def broker_manager(self) -> dict[str, dict[str, Any]]: ...
    @property
    def outbound_queue(self) -> list[str]: ...
    @property
    def waiting(self) -> int: ...
    def __init__(
        self,
        name: str,
        service_prefix: str = "",
        service_postfix: str = "",
        timeout: float = 30.0,
        connections: int = 8,
        *args: Any,
        brokers: Iterable[str] | None = None,
        registration_publisher_host: str = "localhost",
        registration_publisher_port: int | str = "6001",
        registration_service_host: str = "localhost",
        registration_service_port: int | str = "6000",
        manager_subscriber_scope: str = "BrokerUpdates",
        heartbeat_interval: int = 2500,
        standard: bool = False,
        high_water_mark: int = 1000,
        body: Literal["event", "data"] = "event",
        event_class: type[Event] | None = None,
        context: object = None,
        serializer: str = "cbor",
        event_classes: Sequence[type[Event]] = ...,
        max_event_bytes: int = 67108864,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

@disjoint_base
class MDPWorker(MDPActor):
    @property
    def service(self) -> str: ...
    @property
    def socket_identity(self) -> str: ...
    @property
    def service_prefix(self) -> str: ...
    @property
    def service_postfix(self) -> str: ...
    @property
    def repeated(self) -> int: ...
    @property
    def broker_manager(self) -> dict[str, dict[str, Any]]: ...
    @property
    def requests(self) -> dict[str, MDPRequest]: ...
    @property
    def outbound_queue(self) -> int: ...
    def __init__(
        self,
        name: str,
        service: str,
        service_prefix: str = "",
        service_postfix: str = "",
        request_timeout: float = 300.0,
        *args: Any,
        brokers: Iterable[str] | None = None,
        registration_publisher_host: str = "localhost",
        registration_publisher_port: int | str = "6001",
        registration_service_host: str = "localhost",
        registration_service_port: int | str = "6000",
        manager_subscriber_scope: str = "BrokerUpdates",
        heartbeat_interval: int = 2500,
        standard: bool = False,
        high_water_mark: int = 1000,
        body: Literal["event", "data"] = "event",
        event_class: type[Event] | None = None,
        context: object = None,
        serializer: str = "cbor",
        event_classes: Sequence[type[Event]] = ...,
        max_event_bytes: int = 67108864,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

@disjoint_base
class MDPBroker(Actor):
    @property
    def port(self) -> int: ...
    @property
    def broker_identity(self) -> str: ...
    @property
    def services(self) -> dict[str, Service]: ...
    @property
    def workers(self) -> dict[str, Worker]: ...
    @property
    def counters(self) -> dict[str, int]: ...
    def __init__(
        self,
        name: str,
        port: int | str = 5555,
        *args: Any,
        registration_service_endpoint: str | None = None,
        registration_service_port: int | str = "6000",
        advertised_host: str | None = None,
        host: str = "*",
        heartbeat_interval: int = 2500,
        liveness: int = 3,
        expiry: float = 300.0,
        max_retries: int = 2,
        worker_concurrency: int = 1000,
        max_waiting: int = 10000,
        max_waiting_bytes: int = 67108864,
        max_open_bytes: int = 268435456,
        max_services: int = 10000,
        max_workers: int = 10000,
        max_frame_bytes: int = 67108864,
        high_water_mark: int = 1000,
        manager_subscriber_scope: str = "BrokerUpdates",
        registration_publisher_port: int | str = "6001",
        context: object = None,
        curve_secretkey: str | bytes | None = None,
        curve_publickey: str | bytes | None = None,
        curve_serverkey: str | bytes | None = None,
        curve_server: bool = False,
        curve_clients: Sequence[str | bytes] | None = None,
        plain_username: str | None = None,
        plain_password: str | None = None,
        plain_users: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

@disjoint_base
class MDPBrokerRegistrationService(Actor):
    @property
    def listen_port(self) -> int: ...
    @property
    def publish_port(self) -> int: ...
    def __init__(
        self,
        name: str,
        listen_port: int | str | None = None,
        publish_port: int | str | None = None,
        *args: Any,
        registration_service_port: int | str = "6000",
        registration_publisher_port: int | str = "6001",
        manager_subscriber_scope: str = "BrokerUpdates",
        host: str = "*",
        heartbeat_interval: int = 2500,
        high_water_mark: int = 1000,
        context: object = None,
        curve_secretkey: str | bytes | None = None,
        curve_publickey: str | bytes | None = None,
        curve_server: bool = False,
        curve_clients: Sequence[str | bytes] | None = None,
        plain_users: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

@type_check_only
class _ZMQActor(Actor):
    TCP: ClassVar[str]
    IPC: ClassVar[str]
    INPROC: ClassVar[str]
    protocol: ClassVar[int]
    mode: str
    transmission_protocol: str
    host: str | None
    socket_file: str | None
    port: int
    @property
    def endpoint(self) -> str | None: ...
    @property
    def events_sent(self) -> int: ...
    @property
    def events_received(self) -> int: ...
    @property
    def events_refused(self) -> int: ...
    def consume(self, event: Event, *args: object, **kwargs: object) -> None: ...

@disjoint_base
class ZMQPush(_ZMQActor):
    def __init__(
        self,
        name: str,
        mode: str = "connect",
        port: int | str = 9000,
        transmission_protocol: str = "tcp",
        socket_file: str | None = None,
        host: str | None = None,
        *args: Any,
        high_water_mark: int = 1000,
        max_batch: int = 64,
        linger: float = 2,
        serializer: str = "cbor",
        event_classes: Sequence[type[Event]] = ...,
        max_event_bytes: int = 67108864,
        **kwargs: Any,
    ) -> None: ...

@disjoint_base
class ZMQPull(_ZMQActor):
    def __init__(
        self,
        name: str,
        mode: str = "bind",
        port: int | str = 9000,
        transmission_protocol: str = "tcp",
        socket_file: str | None = None,
        host: str | None = None,
        *args: Any,
        high_water_mark: int = 1000,
        linger: float = 2,
        serializer: str = "cbor",
        event_classes: Sequence[type[Event]] = ...,
        max_event_bytes: int = 67108864,
        **kwargs: Any,
    ) -> None: ...

@disjoint_base
class ZMQPub(_ZMQActor):
    def __init__(
        self,
        name: str,
        mode: str = "bind",
        port: int | str = 9000,
        transmission_protocol: str = "tcp",
        socket_file: str | None = None,
        host: str | None = None,
        *args: Any,
        high_water_mark: int = 1000,
        linger: float = 2,
        serializer: str = "cbor",
        event_classes: Sequence[type[Event]] = ...,
        max_event_bytes: int = 67108864,
        **kwargs: Any,
    ) -> None: ...

@disjoint_base
class ZMQSub(_ZMQActor):
    def __init__(
        self,
        name: str,
        mode: str = "connect",
        port: int | str = 9000,
        transmission_protocol: str = "tcp",
        socket_file: str | None = None,
        host: str | None = None,
        *args: Any,
        topics: str | bytes | Sequence[str | bytes] = "",
        high_water_mark: int = 1000,
        linger: float = 2,
        serializer: str = "cbor",
        event_classes: Sequence[type[Event]] = ...,
        max_event_bytes: int = 67108864,
        **kwargs: Any,
    ) -> None: ...

@disjoint_base
class ZMQDealer(_ZMQActor):
    def __init__(
        self,
        name: str,
        mode: str = "connect",
        port: int | str = 9000,
        transmission_protocol: str = "tcp",
        socket_file: str | None = None,
        host: str | None = None,
        *args: Any,
        high_water_mark: int = 1000,
        linger: float = 2,
        serializer: str = "cbor",
        event_classes: Sequence[type[Event]] = ...,
        max_event_bytes: int = 67108864,
        **kwargs: Any,
    ) -> None: ...

@disjoint_base
class ZMQReq(_ZMQActor):
    def __init__(
        self,
        name: str,
        mode: str = "connect",
        port: int | str = 9000,
        transmission_protocol: str = "tcp",
        socket_file: str | None = None,
        host: str | None = None,
        *args: Any,
        timeout: float = 30,
        high_water_mark: int = 1000,
        linger: float = 2,
        serializer: str = "cbor",
        event_classes: Sequence[type[Event]] = ...,
        max_event_bytes: int = 67108864,
        **kwargs: Any,
    ) -> None: ...

@disjoint_base
class ZMQRep(_ZMQActor):
    def __init__(
        self,
        name: str,
        mode: str = "bind",
        port: int | str = 9000,
        transmission_protocol: str = "tcp",
        socket_file: str | None = None,
        host: str | None = None,
        *args: Any,
        timeout: float = 30,
        high_water_mark: int = 1000,
        linger: float = 2,
        serializer: str = "cbor",
        event_classes: Sequence[type[Event]] = ...,
        max_event_bytes: int = 67108864,
        **kwargs: Any,
    ) -> None: ...

# ---- directors ----

@disjoint_base
class Director:
    name: str
    size: int
    generate_blockdiag: bool
    blockdiag_dir: str
    stop_timeout: float
    log_actor: Actor
    error_actor: Actor
    @property
    def actors(self) -> dict[str, Actor]: ...
    @property
    def modules(self) -> dict[str, Actor]: ...
    @property
    def blockdiag_out(self) -> str: ...
    def __init__(
        self,
        size: int | None = 500,
        name: str = "default",
        generate_blockdiag: bool = True,
        blockdiag_dir: str = "./build/blockdiag",
        *,
        log_level: int | str | None = None,
        python_logging: bool | str | None = None,
        stop_timeout: float = 10.0,
        concurrency: int | None = None,
        processes: int = 1,
    ) -> None: ...
    def register_actor(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def register_log_actor(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def register_error_actor(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def register_metric_actor(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def get_actor(self, name: str) -> Actor | None: ...
    def connect_queue(
        self,
        source: Any,
        destinations: Any,
        connect_function: str = "connect_queue",
        *args: Any,
        on_full: str = "block",
        **kwargs: Any,
    ) -> None: ...
    def connect_error_queue(
        self, source: Any, destinations: Any, *args: Any, **kwargs: Any
    ) -> None: ...
    def connect_log_queue(
        self, source: Any, destinations: Any, *args: Any, **kwargs: Any
    ) -> None: ...
    def start(self, block: bool = True) -> None: ...
    def block(self) -> None: ...
    def stop(self) -> None: ...
    def is_running(self) -> bool: ...
    def stats(self) -> dict[str, Any]: ...
    def finalize_blockdiag(self) -> None: ...
    def register(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def registerModule(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def register_module(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def registerLogModule(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def register_log_module(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def registerFailedModule(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def register_failed_module(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def register_failed_actor(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def register_default_error_actor(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def registerMetricModule(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def register_metric_module(
        self, actor: type[Actor] | Actor, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any: ...
    def get_module(self, name: str) -> Actor | None: ...
    def connect(
        self,
        source: Any,
        destinations: Any,
        connect_function: str = "connect_queue",
        *args: Any,
        on_full: str = "block",
        **kwargs: Any,
    ) -> None: ...
    def connect_error(self, source: Any, destinations: Any, *args: Any, **kwargs: Any) -> None: ...
    def connect_queue_error(
        self, source: Any, destinations: Any, *args: Any, **kwargs: Any
    ) -> None: ...
    def isRunning(self) -> bool: ...

# ---- fetching ----

def _fetch(
    url: str, allowed_urls: str | Iterable[str] | None, seconds: float, huge: bool, /
) -> tuple[bytes, str]: ...

# ---- HTTP ----

_HTTPRequest = tuple[bytes, bytes, bytes, bytes, bytes, int, bool, list[tuple[bytes, bytes]], bytes]

def _parse_http(
    data: bytes, cuts: bytes, limits: tuple[int, int, int, int], /
) -> tuple[list[_HTTPRequest], int, str | None, bool]: ...
def _read_mdp(
    frames: list[bytes], worker: bool, standard: bool, lock_step: bool, /
) -> tuple[str, bytes | None, bytes | list[bytes] | None]: ...
def _run_broker(
    steps: list[int | list[bytes]], /
) -> tuple[list[list[bytes]], dict[str, Service], dict[str, Worker], dict[str, int]]: ...
def _split_frames(pieces: list[bytes], limit: int, /) -> tuple[list[bytes], int | None]: ...
def _send_smtp(
    greeting: bytes,
    replies: bytes,
    recipients: bytes,
    message: bytes,
    step: int,
    by_line: bool,
    /,
) -> tuple[bytes, int, bytes, bytes]: ...
def _talk_smtp(
    data: bytes, cuts: bytes, limits: tuple[int, int, int, int], tls: bool, /
) -> tuple[bytes, list[tuple[bytes, bytes, bytes]], bool]: ...
def _best_match(supported: list[str], accept: bytes, /) -> tuple[str | None, float, bool]: ...
def _choose_media_type(accept: bytes | None, /) -> tuple[str, bool]: ...
def _read_content_type(value: bytes | None, /) -> tuple[str, str, str, bool]: ...
def _parse_form(
    text: bytes, charset: str, /
) -> tuple[dict[str, str], tuple[str | None, str] | None]: ...
def _make_environ(
    requests: list[bytes],
    address: str,
    port: int,
    tls: bool,
    url_args: dict[str, Any] | None = None,
    times: int = 1,
    /,
) -> list[tuple[dict[str, Any], str]]: ...
def _http_date(when: int | None = None, /) -> str: ...
def _match_routes(
    config: str | Mapping[str, Any] | None, requests: list[tuple[str, str]], /
) -> list[tuple[int, str | None, dict[str, Any] | None, str | None]]: ...
def wire_dumps(event: Event, /) -> bytes: ...
def wire_loads(
    data: bytes | bytearray | memoryview,
    event_classes: Sequence[type[Event]] = ...,
    max_event_bytes: int = ...,
) -> Event: ...
def curve_keypair() -> tuple[str, str]: ...
