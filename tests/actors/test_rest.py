import pytest

import compysition
from compysition import Queue
from compysition.actors.rest import RESTTranslator
from compysition.errors import InvalidActorOutput
from compysition.event import HttpEvent, JSONHttpEvent, XMLHttpEvent
from tests.actors.helpers import fill_outbox, logged, take
from tests.flows import Collect, quiet_director


def request(method, cls=HttpEvent, path="/orders", **kwargs):
    environment = {"REQUEST_METHOD": method, "PATH_INFO": path}
    return cls(
        environment={name: value for name, value in environment.items() if value is not None},
        **kwargs,
    )


@pytest.fixture
def translate(wrap):
    """Send an event through a translator; what comes out."""

    def run(event, *args):
        wrapper = wrap(RESTTranslator("rest", *args))
        wrapper.input = event
        return wrapper.output

    return run


# ---- POST ----


@pytest.mark.parametrize("status", [(200, "OK"), (201, "Made"), (200, "Fine")])
def test_a_post_creates(translate, status):
    event = request("POST", JSONHttpEvent, data={"a": 1}, status=status)
    sent = translate(event)
    assert sent.status == (201, "Created")
    assert sent.headers == {"Location": f"/orders/{event.meta_id}"}
    assert (sent.event_id, sent.data) == (event.event_id, {"a": 1})


@pytest.mark.parametrize("status", [(202, "Accepted"), (400, "Bad Request"), (303, "See Other")])
def test_a_post_with_another_status(translate, status):
    sent = translate(request("POST", status=status))
    assert (sent.status, sent.headers) == (status, {})


@pytest.mark.parametrize(
    ("base", "location"),
    [
        ("/things", "/things/7"),
        ("/things/", "/things/7"),
        ("/things/{entity_id}/state", "/things/7/state"),
        ("https://example.com/{entity_id}?id={entity_id}", "https://example.com/7?id=7"),
        ("", "/7"),
    ],
)
def test_where_new_entities_are(translate, base, location):
    sent = translate(request("POST", meta_id="7"), base)
    assert sent.headers["Location"] == location


@pytest.mark.parametrize(
    ("entity_id", "encoded"),
    [
        ("a", "a"),
        (17, "17"),
        (1.5, "1.5"),
        ("a b/c?d", "a%20b%2Fc%3Fd"),
        ("ä\r\nX: y", "%C3%A4%0D%0AX%3A%20y"),
    ],
)
def test_ids_of_any_type_rest_3(translate, entity_id, encoded):
    sent = translate(request("POST", entity_id=entity_id, meta_id="other"))
    assert sent.headers["Location"] == f"/orders/{encoded}"


@pytest.mark.parametrize(
    ("path", "base"), [("/a b/ä", "/a%20b/%C3%A4"), ("/x\r\ny", "/x%0D%0Ay"), ("/a:b@c", "/a:b@c")]
)
def test_the_path_came_decoded(translate, path, base):
    sent = translate(request("POST", path=path, entity_id=1))
    assert sent.headers["Location"] == f"{base}/1"


def test_no_path_no_header(translate):
    sent = translate(request("POST", path=None))
    assert (sent.status, sent.headers) == ((201, "Created"), {})


# ---- the others ----

OTHERS = ["GET", "PUT", "PATCH", "DELETE"]


@pytest.mark.parametrize("method", OTHERS)
@pytest.mark.parametrize(
    ("cls", "data"),
    [
        (HttpEvent, None),
        (HttpEvent, ""),
        (HttpEvent, []),
        (JSONHttpEvent, {}),
        (XMLHttpEvent, None),
        (XMLHttpEvent, "<root/>"),
    ],
)
def test_no_data_no_content(translate, method, cls, data):
    sent = translate(request(method, cls, data=data))
    assert (sent.status, sent.headers) == ((204, "No Content"), {})


@pytest.mark.parametrize("method", OTHERS)
@pytest.mark.parametrize(
    ("cls", "data"),
    [
        (HttpEvent, "text"),
        (HttpEvent, 0),  # numbers have no length (rest_3)
        (HttpEvent, False),
        (HttpEvent, 1.5),
        (JSONHttpEvent, {"a": None}),
        (XMLHttpEvent, "<a>text</a>"),  # an element without children has the length 0 (rest_1)
        (XMLHttpEvent, "<a/>"),
        (XMLHttpEvent, "<root>text</root>"),
        (XMLHttpEvent, "<root a='1'/>"),
        (XMLHttpEvent, "<root><a/></root>"),
    ],
)
def test_data_is_content_rest_1_rest_3(translate, method, cls, data):
    sent = translate(request(method, cls, data=data))
    assert sent.status == (200, "OK")


@pytest.mark.parametrize("method", OTHERS)
def test_no_data_with_another_status(translate, method):
    assert translate(request(method, status=(404, "Not Found"))).status == (404, "Not Found")


def test_an_element_that_python_has(translate):
    event = request("GET", XMLHttpEvent, data="<root/>")
    event.data.text = "more"
    assert translate(event).status == (200, "OK")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "BREW", "__init__", "", None, "G\0T"])
def test_other_methods_pass_unchanged_rest_2(translate, method):
    sent = translate(request(method))
    assert (sent.status, sent.headers, sent.data) == ((200, "OK"), {}, None)


@pytest.mark.parametrize("environment", [None, {}, {"PATH_INFO": "/"}])
def test_without_a_method_rest_2(translate, environment):
    sent = translate(HttpEvent(environment=environment))
    assert (sent.status, sent.headers) == ((200, "OK"), {})


def test_the_case_of_a_method(translate):
    assert translate(request("gEt")).status == (204, "No Content")


def test_the_log(wrap, log):
    actor = RESTTranslator("rest")
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = request("PATCH")
    assert wrapper.output is not None
    assert logged(lines, 20) == ["Translating REST for PATCH"]


# ---- subclasses ----


class Own(RESTTranslator):
    """Has translations of its own."""

    def translate_options(self, event):
        event.headers["Allow"] = "GET"
        return event

    def translate_get(self, event):
        compysition.sleep(0.001)
        event = super().translate_get(event)
        event.seen = True
        return event

    def translate_put(self, event):
        return HttpEvent(data="another")

    def translate_patch(self, event):
        return [event]

    def translate_delete(self, event):
        raise ValueError("never")


def test_translations_of_a_subclass(wrap):
    wrapper = wrap(Own("rest"))
    wrapper.input = request("OPTIONS")
    assert wrapper.output.headers == {"Allow": "GET"}
    wrapper.input = request("GET")
    sent = wrapper.output
    assert (sent.status, sent.seen) == ((204, "No Content"), True)
    wrapper.input = request("PUT")
    assert wrapper.output.data == "another"


@pytest.mark.parametrize(
    ("method", "error"), [("PATCH", InvalidActorOutput), ("DELETE", ValueError)]
)
def test_a_translation_that_fails(wrap, method, error):
    wrapper = wrap(Own("rest"))
    event = request(method, data="kept")
    wrapper.input = event
    failed = wrapper.error
    assert type(failed.error) is error
    assert (failed.event_id, failed.data) == (event.event_id, "kept")
    wrapper.input = request("GET")
    assert wrapper.output.seen


def test_a_status_that_is_none(wrap):
    wrapper = wrap(RESTTranslator("rest"))
    event = request("GET")
    event.status = ("x",)
    wrapper.input = event
    assert isinstance(wrapper.error.error, TypeError)
    event = request("POST")
    event.status = ()
    wrapper.input = event
    assert isinstance(wrapper.error.error, IndexError)


def test_a_full_destination_holds_it_up(wrap):
    actor = RESTTranslator("rest")
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(5):
        wrapper.input = request("POST", data=number)
    assert take(outbox, 6)[1:] == [0, 1, 2, 3, 4]


def test_a_stop_while_busy_loses_nothing():
    director = quiet_director(size=2)
    actor = director.register_actor(Own, "rest", size=2)
    keep = director.register_actor(Collect, "keep")
    director.connect_queue(actor, keep)
    inbox = Queue("inbox")
    actor.register_consumer("inbox", inbox)
    for number in range(50):
        inbox.put(request("GET", data=number))
    director.start(block=False)
    director.stop()
    assert sorted(keep.data) == list(range(50))


def test_arguments():
    assert RESTTranslator("rest").url_post_location is None
    assert RESTTranslator("rest", "/a", 7).size == 7
    assert RESTTranslator("rest", web_interface="wsgi", url_post_location="/a").name == "rest"
