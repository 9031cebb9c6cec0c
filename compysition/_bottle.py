"""HTTPServer as an application of Bottle's kind: decorators for routes, plugins, hooks and error handlers.

The package ``bottle`` is not needed. Where a script has imported it, its ``request``, ``response`` and exceptions work in
what serves a request: a ``callback`` of a subclass, a named one, a function of a route, a plugin or a hook.
"""

import importlib
import inspect
import io
import itertools
import json
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import update_wrapper
from traceback import format_exc
from typing import Any
from urllib.parse import SplitResult

from compysition._core import Event, HttpEvent, HTTPServer

FORM_BYTES = 1 << 20  # the largest form that bottle's request reads
REVERSED_HOOKS = ("after_request",)


def as_list(value: Any) -> list[Any]:
    """Return a list of what may be one thing or several."""
    if isinstance(value, (tuple, list, set)):
        return list(value)
    return [] if value is None or value == "" else [value]


# ---- what belongs to a server ----


class Application:
    """Plugins, hooks and error handlers of a server. It has one once it needs it."""

    def __init__(self) -> None:
        self.plugins: list[Any] = []
        self.hooks: dict[str, list[Callable[..., Any]]] = {}
        self.error_handlers: dict[int, Callable[[Any], Any]] = {}
        self.config: dict[str, Any] = {}
        self.version = 0  # of the plugins


class Route:
    """A route for one method, as plugins know it."""

    def __init__(
        self, app: Any, rule: str, method: str, name: Any, callback: Any, options: dict[str, Any]
    ) -> None:
        self.app, self.rule, self.method, self.name, self.callback = (
            app,
            rule,
            method,
            name,
            callback,
        )
        self.config = dict(options)
        self.plugins = as_list(self.config.pop("apply", None))
        self.skiplist = as_list(self.config.pop("skip", None))
        self._call: Callable[..., Any] | None = None

    @property
    def call(self) -> Callable[..., Any]:
        """The callback in all its plugins."""
        if self._call is None:
            self._call = self._wrapped()
        return self._call

    def reset(self) -> None:
        """Apply the plugins anew, the next time."""
        self._call = None

    def prepare(self) -> None:
        """Apply the plugins now."""
        _ = self.call

    def all_plugins(self) -> Iterator[Any]:
        """Yield the plugins to be applied, the innermost first."""
        names = set()
        for plugin in reversed([*application(self.app).plugins, *self.plugins]):
            name = getattr(plugin, "name", None)
            if True in self.skiplist:
                break
            if (name and (name in self.skiplist or name in names)) or any(
                skipped is plugin or skipped is type(plugin) for skipped in self.skiplist
            ):
                continue
            names.add(name)
            yield plugin

    def _wrapped(self) -> Callable[..., Any]:
        call: Callable[..., Any] = self.callback
        for plugin in self.all_plugins():
            call = plugin.apply(call, self) if hasattr(plugin, "apply") else plugin(call)
            if call is not self.callback:
                try_update_wrapper(call, self.callback)
        return call

    def get_undecorated_callback(self) -> Callable[..., Any]:
        """Return the function within the decorators that say what they decorate."""
        function: Callable[..., Any] = inspect.unwrap(self.callback)
        return function

    def get_callback_args(self) -> list[str]:
        """Return the names of the function's parameters."""
        return list(inspect.signature(self.get_undecorated_callback()).parameters)

    def get_config(self, key: str, default: Any = None) -> Any:
        """Return an option of the route, else one of the server."""
        return self.config.get(key, application(self.app).config.get(key, default))


def try_update_wrapper(call: Any, wrapped: Any) -> None:
    """Have a plugin's wrapper look like what it wraps, as far as its type lets it."""
    try:
        update_wrapper(call, wrapped)
    except (AttributeError, TypeError):
        pass


class Routes:
    """A route of a server, for each of its methods. The core keeps it with the route."""

    def __init__(self, *given: Any) -> None:
        self.server, self.rule, self.name, self.callback, self.options = given
        self.version = -1
        self.by_method: dict[str, Route] = {}

    def route(self, method: str) -> Route:
        """Return the route of a method that it serves."""
        version = application(self.server).version
        if version != self.version:
            self.version = version
            self.by_method = {}
        if method not in self.by_method:
            self.by_method[method] = Route(
                self.server, self.rule, method, self.name, self.callback, self.options or {}
            )
        return self.by_method[method]


def application(server: Any) -> Application:
    """Return what a server has; without one, nothing is kept."""
    return server._bottle or Application()


def own_application(server: Any) -> Application:
    """Return what a server has, to be changed."""
    if server._bottle is None:
        server._bottle = Application()
    app: Application = server._bottle
    return app


# ---- bottle's request and response ----

_made: ContextVar[tuple[dict[str, Any], dict[str, Any]]] = ContextVar("_made")


def local_property(name: str) -> property:
    """Return a property whose value belongs to the greenlet, as bottle's own belong to the thread."""
    variable: ContextVar[Any] = ContextVar(name)

    def get(self: Any) -> Any:
        try:
            return variable.get()
        except LookupError:
            raise RuntimeError("Request context not initialized.") from None

    def put(self: Any, value: Any) -> None:
        variable.set(value)

    return property(get, put)


def bottle_module() -> Any:
    """Return bottle, made ready for greenlets, if the script uses it; else None."""
    bottle: Any = sys.modules.get("bottle")
    if bottle is not None and not hasattr(bottle.LocalRequest, "_compysition"):
        bottle.LocalRequest._compysition = True
        bottle.BaseRequest.MEMFILE_MAX = FORM_BYTES
        bottle.LocalRequest.environ = local_property("environ")
        for name in ("_status_line", "_status_code", "_cookies", "_headers", "body"):
            setattr(bottle.LocalResponse, name, local_property(name))
    return bottle


def complete(environ: dict[str, Any], server: Any, body: bytes) -> None:
    """Make a WSGI environment (PEP 3333) of that of an event."""
    for key, value in environ.items():
        if key.startswith("HTTP_") and not value.isascii():
            environ[key] = value.encode().decode("latin-1")
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = io.BytesIO(body)
    environ["wsgi.errors"] = sys.stderr
    environ["bottle.app"] = server
    parts = environ.get("bottle.request.urlparts")
    if parts:
        environ["bottle.request.urlparts"] = SplitResult(*parts)


def bind(bottle: Any, environ: dict[str, Any], server: Any, body: bytes) -> None:
    """Have bottle's request and response be those of this request."""
    complete(environ, server, body)
    _made.set((environ, dict(environ)))
    if bottle is not None:
        bottle.request.bind(environ)
        bottle.response.bind()


def add_changes(environment: dict[str, Any]) -> None:
    """Give an event what was put into the environment of its request by plugins, hooks and callbacks."""
    environ, given = _made.get(({}, {}))
    for key, value in environ.items():
        if isinstance(value, (str, tuple, bool, dict)) and given.get(key) is not value:
            environment[key] = value


# ---- serving ----


def call(
    server: Any,
    routes: Routes,
    url_args: dict[str, Any] | None,
    environ: dict[str, Any],
    body: bytes,
) -> tuple[bool, Any]:
    """Serve a request; return whether the answer is an event whose data is the body, and the answer."""
    bottle = bottle_module()
    route = routes.route(environ["REQUEST_METHOD"])
    bind(bottle, environ, server, body)
    environ["bottle.route"] = environ["route.handle"] = route
    value, failure = None, None
    try:
        trigger_hook(server, "before_request")
        value = route.call(**(url_args or {}))
    except Exception as error:
        failure = error
    if bottle is not None:
        if isinstance(failure, bottle.HTTPResponse):
            value, failure = failure, None
        if isinstance(value, bottle.HTTPResponse):
            value.apply(bottle.response)  # hooks may change it
    trigger_hook(server, "after_request")
    if failure is not None:
        if bottle is None or 500 not in application(server).error_handlers:
            raise failure
        value = bottle.HTTPError(500, "Internal Server Error", failure, format_exc())
    return answer(bottle, server, value)


def answer(bottle: Any, server: Any, value: Any) -> tuple[bool, Any]:
    """Return what ``call`` does."""
    if bottle is None or isinstance(value, Event):
        return False, value
    value = settle(bottle, server, value)
    return True, event_of(bottle.response, body_of(bottle, server, value))


def settle(bottle: Any, server: Any, value: Any) -> Any:
    """Apply responses and errors to bottle's response; return what is in them."""
    if isinstance(value, bottle.HTTPError):
        value.apply(bottle.response)
        handler = application(server).error_handlers.get(value.status_code)
        return settle(bottle, server, (handler or error_page(bottle))(value))
    if isinstance(value, bottle.HTTPResponse):
        value.apply(bottle.response)
        return settle(bottle, server, value.body)
    if isinstance(value, dict):
        bottle.response.content_type = "application/json"
        return json.dumps(value)
    return value


def error_page(bottle: Any) -> Callable[[Any], Any]:
    """Return what makes bottle's own pages of errors."""
    handler: Callable[[Any], Any] = bottle.Bottle().default_error_handler
    return handler


def body_of(bottle: Any, server: Any, value: Any) -> bytes:
    """Return the bytes of what a callback may return: text, bytes, a file, or an iterable of texts, bytes or one response."""
    if not value:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode(bottle.response.charset)
    try:
        if hasattr(value, "read"):
            return body_of(bottle, server, value.read())
        parts = iter(value)
        first = next((part for part in parts if part), b"")
        if isinstance(first, bottle.HTTPResponse):
            return body_of(bottle, server, settle(bottle, server, first))
        return b"".join(body_of(bottle, server, part) for part in itertools.chain([first], parts))
    finally:
        if hasattr(value, "close"):
            value.close()


def event_of(response: Any, body: bytes) -> HttpEvent:
    """Return an event with the status and headers of bottle's response."""
    event = HttpEvent(data=body)
    reason = response.status_line.partition(" ")[2]
    event.status = (response.status_code, reason)
    headers: dict[str, list[str]] = {}
    for name, value in response.headerlist:
        headers.setdefault(name.title(), []).append(value.encode("latin-1").decode("utf-8"))
    kind: Any = headers.pop("Content-Type", [None])[0]
    event.content_type = kind  # type: ignore[misc] # of this event only
    event.headers = headers
    return event


def error_answer(
    server: Any,
    code: int,
    text: str | None,
    allow: str | None,
    environ: dict[str, Any],
    body: bytes,
) -> HttpEvent | None:
    """Return the answer of an error handler to a request that no route serves; None if there is no handler."""
    bottle = bottle_module()
    if bottle is None or code not in application(server).error_handlers:
        return None
    bind(bottle, environ, server, body)
    headers = {"Allow": allow} if allow else {}
    error = bottle.HTTPError(code, text, **headers)
    event: HttpEvent = answer(bottle, server, error)[1]
    return event


# ---- methods of HTTPServer ----


def route(
    self: HTTPServer,
    path: Any = None,
    method: Any = "GET",
    callback: Any = None,
    name: Any = None,
    apply: Any = None,
    skip: Any = None,
    **config: Any,
) -> Any:
    """Decorate a function that serves a path, or several, and that is called with the wildcards.

    Without a path it is made from the function's name and parameters. ``method`` is a str or a list. ``apply`` is a
    plugin (or decorator) or a list of them, ``skip`` a plugin, its class, its name or a list of these, or True for all.
    """
    if callable(path):
        path, callback = None, path
    options = {"name": name, "apply": apply, "skip": skip, **config}
    given = {key: value for key, value in options.items() if value is not None}

    def decorate(function: Any) -> Any:
        if isinstance(function, str) and not hasattr(self, function):
            function = pkgutil.resolve_name(function)
        for rule in as_list(path) or paths_of(function):
            self._add_route(rule, as_list(method), function, given)
        return function

    return decorate if callback is None else decorate(callback)


def paths_of(function: Callable[..., Any]) -> Iterator[str]:
    """Yield /NAME/<parameter>/..., with ever more of those that have defaults."""
    path = "/" + function.__name__.replace("__", "/").lstrip("/")
    parameters = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = [parameter for parameter in parameters if parameter.kind in kinds]
    path += "".join(f"/<{p.name}>" for p in named if p.default is p.empty)
    yield path
    for parameter in named:
        if parameter.default is not parameter.empty:
            path += f"/<{parameter.name}>"
            yield path


def get(self: HTTPServer, path: Any = None, method: Any = "GET", **options: Any) -> Any:
    """Decorate as route does, for GET."""
    return route(self, path, method, **options)


def post(self: HTTPServer, path: Any = None, method: Any = "POST", **options: Any) -> Any:
    """Decorate as route does, for POST."""
    return route(self, path, method, **options)


def put(self: HTTPServer, path: Any = None, method: Any = "PUT", **options: Any) -> Any:
    """Decorate as route does, for PUT."""
    return route(self, path, method, **options)


def delete(self: HTTPServer, path: Any = None, method: Any = "DELETE", **options: Any) -> Any:
    """Decorate as route does, for DELETE."""
    return route(self, path, method, **options)


def patch(self: HTTPServer, path: Any = None, method: Any = "PATCH", **options: Any) -> Any:
    """Decorate as route does, for PATCH."""
    return route(self, path, method, **options)


def install(self: HTTPServer, plugin: Any) -> Any:
    """Apply a plugin (a decorator, or an object with ``apply(callback, route)``) to all routes; return it."""
    app = own_application(self)
    if hasattr(plugin, "setup"):
        plugin.setup(self)
    if not callable(plugin) and not hasattr(plugin, "apply"):
        raise TypeError("a plugin must be callable or have a method apply")
    app.plugins.append(plugin)
    reset(self)
    return plugin


def uninstall(self: HTTPServer, plugin: Any) -> list[Any]:
    """Take away a plugin, those of a class or a name, or with True all; return those that were."""
    app = own_application(self)
    removed = [
        one
        for one in app.plugins
        if plugin is True
        or plugin is one
        or plugin is type(one)
        or getattr(one, "name", True) == plugin
    ]
    app.plugins[:] = [one for one in app.plugins if not any(one is gone for gone in removed)]
    for one in removed:
        if hasattr(one, "close"):
            one.close()
    if removed:
        reset(self)
    return removed


def reset(self: HTTPServer) -> None:
    """Have all plugins applied anew."""
    own_application(self).version += 1
    trigger_hook(self, "app_reset")


def add_hook(self: HTTPServer, name: str, func: Callable[..., Any]) -> None:
    """Have a function called: before_request, after_request (of what Python code serves), app_reset."""
    hooks = own_application(self).hooks.setdefault(name, [])
    hooks.insert(0 if name in REVERSED_HOOKS else len(hooks), func)


def remove_hook(self: HTTPServer, name: str, func: Callable[..., Any]) -> bool:
    """Take a function away from a hook; return whether it was there."""
    hooks = application(self).hooks.get(name, [])
    if func in hooks:
        hooks.remove(func)
        return True
    return False


def trigger_hook(self: HTTPServer, name: str, /, *args: Any, **kwargs: Any) -> list[Any]:
    """Call the functions of a hook; return what they return."""
    return [func(*args, **kwargs) for func in list(application(self).hooks.get(name, ()))]


def hook(self: HTTPServer, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function to be called as by add_hook."""

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        add_hook(self, name, func)
        return func

    return decorate


def error(self: HTTPServer, code: int = 500, callback: Any = None) -> Any:
    """Decorate a function that makes the answer with that status of a bottle.HTTPError. Needs the package bottle."""
    importlib.import_module("bottle")

    def decorate(function: Any) -> Any:
        if isinstance(function, str):
            function = pkgutil.resolve_name(function)
        own_application(self).error_handlers[int(code)] = function
        return function

    return decorate if callback is None else decorate(callback)


def merge(self: HTTPServer, routes: Iterable[Any]) -> None:
    """Add the routes of a bottle.Bottle, or a list of them."""
    for one in getattr(routes, "routes", routes):
        route(
            self,
            one.rule,
            one.method,
            one.callback,
            one.name,
            one.plugins or None,
            one.skiplist or None,
            **one.config,
        )


def mount(self: HTTPServer, prefix: str, app: Callable[..., Any], **options: Any) -> None:
    """Have a WSGI application serve all that begins with a prefix. Needs the package bottle."""
    bottle: Any = importlib.import_module("bottle")
    base = "/" + prefix.strip("/")
    if base == "/":
        raise ValueError("an application cannot be mounted at '/'")

    def serve() -> Any:
        response = bottle.HTTPResponse([])

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
            response.status = status
            for name, value in headers:
                response.add_header(name, value.encode("latin-1").decode("utf-8"))
            return response.body.append

        environ = {**bottle.request.environ, "SCRIPT_NAME": base}
        path = environ["PATH_INFO"][len(base) :] or "/"
        environ["PATH_INFO"] = path.encode().decode("latin-1")
        body = app(environ, start_response)
        response.body = itertools.chain(response.body, body)
        return response

    settings = {"method": "ANY", "skip": True, "ignore_ctype": True, **options}
    route(self, [base, base + "/<:re:.*>"], callback=serve, **settings)


def plugins(self: HTTPServer) -> list[Any]:
    """The plugins that are installed."""
    return own_application(self).plugins


def config(self: HTTPServer) -> dict[str, Any]:
    """Settings for plugins."""
    return own_application(self).config
