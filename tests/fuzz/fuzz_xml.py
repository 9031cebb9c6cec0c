"""Data of XML events: text beside what lxml makes of it, and values as elements and back."""

import contextlib
import functools
import pathlib
import pickle
import tempfile

from lxml import etree

from compysition.errors import InvalidEventConversion, InvalidEventDataModification
from compysition.event import JSONEvent, XMLEvent, XMLHttpEvent, XMLParser
from tests.fuzz import target
from tests.fuzz.choices import Choices, random_seeds

SEEDS = [
    b"<a/>",
    b'<?xml version="1.0" encoding="utf-8"?><a b="c&amp;&#233;">x<![CDATA[<y>]]><!-- z --><?p i?></a>',
    b'<n:a xmlns:n="urn:n" xmlns="urn:d" n:b="1"><c/><c>2</c>t</n:a>',
    b'<!DOCTYPE a [<!ENTITY e "v"><!ATTLIST a x CDATA "d">]><a>&e;&e;</a>',
    b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    b"<jsonified_envelope><k>1</k><k>2</k></jsonified_envelope>",
    b"\xef\xbb\xbf<a>\xc3\xa9</a>",
    "<?xml version='1.0' encoding='utf-16'?><a>é</a>".encode("utf-16"),
    b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>",
    b"<a>" * 300 + b"</a>" * 300,
]


def same_tree(one, other):
    return etree.tostring(one, method="c14n") == etree.tostring(other, method="c14n")


def use(event):
    """Copies of the event, and what others make of it."""
    text = event.data_string()
    assert event.clone().data_string() == text
    assert event.convert(XMLHttpEvent).data_string() == text
    assert pickle.loads(pickle.dumps(event)).data_string() == text
    assert XMLEvent(data=text).data_string() == text
    with contextlib.suppress(InvalidEventConversion, InvalidEventDataModification):
        event.convert(JSONEvent).convert(XMLEvent).data_string()


@target(lambda: [kind + text for text in SEEDS for kind in (b"\0", b"\1")])
def xml_text(data):
    """The first byte says whether the rest is assigned as bytes or as str."""
    given = data[1:]
    if data[:1] == b"\1":
        given = given.decode("utf-8", "surrogateescape")
    try:
        event = XMLEvent(data=given)
    except InvalidEventDataModification:
        return
    use(event)
    try:
        expected = etree.fromstring(given)
    except (ValueError, etree.XMLSyntaxError):
        return  # lxml refuses a str that names an encoding; its libxml2 may be another than ours
    with contextlib.suppress(etree.C14NError):  # it knows no relative names of namespaces
        assert same_tree(event.data, expected)


@target(random_seeds)
def xml_value(data):
    value = Choices(data).value()
    with contextlib.suppress(InvalidEventDataModification):
        use(XMLEvent(data={"root": value}))
    with contextlib.suppress(InvalidEventDataModification):
        use(XMLEvent(data=value))


@functools.cache
def reading_class():
    """A class of events that may read one folder, beside which a secret is."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="fuzz"))
    (root / "secret.xml").write_text("<forbidden/>")
    (root / "allowed").mkdir()
    (root / "allowed" / "a.xml").write_text("<read/>")
    (root / "allowed" / "a.dtd").write_text('<!ENTITY % p SYSTEM "a.ent">%p;<!ENTITY e "1">')
    (root / "allowed" / "a.ent").write_text("<!ATTLIST a b CDATA 'd'>")
    (root / "allowed" / "b.xml").symlink_to(root / "secret.xml")
    return type("Reading", (XMLEvent,), {"xml_parser": XMLParser(root / "allowed")})


@target(
    lambda: [
        *SEEDS,
        b'<!DOCTYPE a SYSTEM "a.dtd"><a>&e;</a>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "a.dtd">%p;<!ENTITY f SYSTEM "a.xml">]><a>&e;&f;</a>',
        b'<!DOCTYPE a [<!ENTITY f SYSTEM "../secret.xml">]><a>&f;</a>',
        b'<!DOCTYPE a [<!ENTITY f SYSTEM "b.xml">]><a>&f;</a>',
    ]
)
def xml_files(data):
    """Text that may read files: only those."""
    try:
        event = reading_class()(data=data)
    except InvalidEventDataModification:
        return
    assert "<forbidden/>" not in event.data_string() or b"forbidden" in data
    assert event.clone().data_string() == event.data_string()
