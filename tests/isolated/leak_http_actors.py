"""Actors for HTTP: made, run and forgotten."""

import base64

from compysition.actors import BasicAuth, RESTTranslator
from compysition.errors import UnauthorizedEvent
from compysition.event import HttpEvent, JSONHttpEvent, XMLHttpEvent
from compysition.testutils.test_actor import TestActorWrapper


class Auth(BasicAuth):
    """Accepts one password; another one makes it raise."""

    def _authenticate(self, user, password):
        if password == "raise":
            raise ValueError([user])
        return self.compare_digest(password, "right")


def request(method, password=None, cls=HttpEvent, **kwargs):
    environment = {"REQUEST_METHOD": method, "PATH_INFO": "/a b"}
    if password is not None:
        token = base64.b64encode(f"user:{password}".encode()).decode()
        environment["HTTP_AUTHORIZATION"] = f"Basic {token}"
    return cls(environment=environment, **kwargs)


def leak_basic_auth():
    wrapper = TestActorWrapper(Auth("auth"))
    wrapper.input = request("GET", "right")
    assert wrapper.output.error is None
    for password in ("wrong", "raise", "", None, "\n"):
        wrapper.input = request("GET", password)
        assert isinstance(wrapper.error.error, UnauthorizedEvent)
    wrapper.stop()
    BasicAuth.compare_digest("a", b"b")


def leak_rest_translator():
    for base in (None, "/things/{entity_id}"):
        actor = RESTTranslator("rest", base)
        actor.consume(request("POST", entity_id=[1]))
        actor.consume(request("GET", cls=XMLHttpEvent))
        actor.consume(request("PUT", cls=JSONHttpEvent, data={"a": 1}))
        actor.consume(request("BREW"))
        actor.consume(HttpEvent())
