"""What stylesheets and documents could do to the process: stacks, memory, files, and work without an end."""

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys

import pytest
from lxml import etree

from compysition import Queue
from compysition.actors import XSD, XSLT
from compysition.errors import MalformedEventData
from compysition.event import XMLEvent
from tests.actors.helpers import wait_for_log
from tests.xml.stylesheets import ENDLESS, sheet

DOWN = (
    '<xsl:template name="down"><xsl:param name="n"/>{}<xsl:if test="$n &gt; 0"><xsl:call-template name="down">'
    '<xsl:with-param name="n" select="$n - 1"/></xsl:call-template></xsl:if>{}</xsl:template>'
)
GO = '<xsl:call-template name="down"><xsl:with-param name="n" select="/a/@n"/></xsl:call-template>'


# Recursion that a document drives, each by other functions of libxslt.
RECURSIONS = {
    "templates": sheet(f"<r>{GO}</r>", DOWN.format("", "")),
    "templates in variables": sheet(
        f"<r>{GO}</r>",
        DOWN.format(
            '<xsl:choose><xsl:when test="1"><xsl:for-each select="."><xsl:variable name="v">',
            '</xsl:variable><xsl:copy-of select="$v"/></xsl:for-each></xsl:when></xsl:choose>',
        ),
    ),
    "templates in attributes": sheet(
        '<r><xsl:apply-templates select="/a"/></r>',
        '<xsl:template match="a"><xsl:copy><q><xsl:attribute name="x"><xsl:apply-templates select="."/>'
        "</xsl:attribute></q></xsl:copy></xsl:template>",
    ),
    "functions": sheet(
        '<r><xsl:value-of select="my:f(/a/@n)"/></r>',
        '<func:function name="my:f"><xsl:param name="n"/><func:result select="my:f($n - 1) + 1"/></func:function>',
    ),
    "keys of sorts": sheet(
        '<r><xsl:apply-templates select="/a"/></r>',
        '<xsl:template match="a"><xsl:apply-templates select="."><xsl:sort select="my:f()"/></xsl:apply-templates>'
        '</xsl:template><func:function name="my:f"><xsl:variable name="v"><xsl:apply-templates select="/a"/>'
        '</xsl:variable><func:result select="1"/></func:function>',
    ),
    "expressions": sheet(
        '<r><xsl:value-of select="dyn:map(/a, $e)"/></r>',
        '<xsl:variable name="e" select="\'dyn:map(., $e)\'"/>',
    ),
    "a long expression": sheet(
        "<r><xsl:value-of select=\"dyn:evaluate(concat(str:padding(90000, '('), 1))\"/></r>"
    ),
    "copies of deep trees": sheet(
        f'<r><xsl:variable name="v">{GO}</xsl:variable><xsl:copy-of select="$v"/></r>',
        DOWN.format("<b>" * 200, "</b>" * 200),
    ),
}

RECURSE = """
import json, sys
import compysition
from compysition.actors import XSLT
from compysition.errors import MalformedEventData
from compysition.event import XMLEvent
from compysition.testutils.test_actor import TestActorWrapper

for name, stylesheet in json.load(sys.stdin).items():
    wrapper = TestActorWrapper(XSLT("xslt", stylesheet), output_timeout=60)
    wrapper.input = XMLEvent(data="<a n='1000000'/>")  # in the pool: it is the first
    while not any(queue.qsize() for queue in (*wrapper.error_queues.values(), *wrapper.output_queues.values())):
        compysition.sleep(0.001)
    for number in (700, 1000000):
        try:
            event = XMLEvent(data=f"<a n='{number}'/>")
            wrapper.actor.consume(event)  # here
            event.clone()
        except (MalformedEventData, ValueError):
            pass
    wrapper.stop()
    print(name)
"""


@pytest.mark.parametrize("stack", [8192, 2048])
def test_no_recursion_overflows_a_stack(stack):
    """Neither of a thread of the pool nor of a worker; the limit of the process holds for both."""
    done = subprocess.run(
        ["sh", "-c", f'ulimit -s {stack}; exec "$0" -c "$1"', sys.executable, RECURSE],
        input=json.dumps(RECURSIONS),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == list(RECURSIONS)


# ---- memory ----


def test_padding_has_an_end():
    """libexslt's own bound."""
    for count in ("2000000000", "1" + "0" * 300):
        actor = XSLT("xslt", sheet(f'<r l="{{string-length(str:padding({count}))}}"/>'))
        assert actor.transform(etree.fromstring("<a/>")).get("l") == "100000"


def test_a_document_that_is_read_has_the_bounds_of_a_text(tmp_path, capfd):
    bomb = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 20))
    (tmp_path / "bomb.xml").write_text(f'<!DOCTYPE a [<!ENTITY e0 "x">{bomb}]><a>&e19;</a>')
    (tmp_path / "deep.xml").write_text("<a>" * 100_000 + "</a>" * 100_000)
    for name in ("bomb.xml", "deep.xml"):
        text = sheet(f"<r><xsl:copy-of select=\"document('{tmp_path}/{name}')\"/></r>")
        actor = XSLT("xslt", text, allowed_paths=tmp_path)
        with contextlib.suppress(MalformedEventData):
            assert len(actor.transform(etree.fromstring("<a/>"))) == 0
    assert capfd.readouterr() == ("", "")


# ---- files ----


def read(tmp_path, name, wanted="data"):
    """What document() gets of a file: its text, or the message of the error."""
    text = sheet(f"<r><xsl:value-of select=\"document('{name}')/{wanted}\"/></r>")
    path = tmp_path / "sheet.xsl"
    path.write_text(text)
    try:
        return XSLT("xslt", path, allowed_paths=tmp_path).transform(etree.fromstring("<a/>")).text
    except MalformedEventData as error:
        return str(error)


@pytest.fixture
def folder(tmp_path):
    """An allowed folder, with what must not be read beside it."""
    folder = tmp_path / "allowed files"
    folder.mkdir()
    (folder / "data.xml").write_text("<data>yes</data>")
    (tmp_path / "secret.xml").write_text("<data>secret</data>")
    return folder


def test_names_are_urls(folder):
    (folder / "a b.xml").write_text("<data>space</data>")
    (folder / "a%62.xml").write_text("<data>percent</data>")
    assert read(folder, "data.xml") == "yes"
    assert read(folder, "%64ata.xml") == "yes"
    assert read(folder, "a%20b.xml") == "space"
    assert read(folder, "a%2562.xml") == "percent"
    assert read(folder, f"file://{folder}/data.xml".replace(" ", "%20")) == "yes"
    assert read(folder, f"file://localhost{folder}/data.xml".replace(" ", "%20")) == "yes"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.xml", "%2e%2e/secret.xml", "..%2fsecret.xml", "sub/../../secret.xml", "./../secret.xml",
        "{}/../secret.xml", "file://{}/../secret.xml", "file://{}/%2e%2e/secret.xml", "file:{}/../secret.xml",
        "FILE://{}/../secret.xml", "file://localhost{}/../secret.xml", "file://127.0.0.1{}/data.xml",
        "http://127.0.0.1:9/{}", "ftp://127.0.0.1:9/{}", "//127.0.0.1:9/{}", "data:text/xml,&lt;data>x&lt;/data>",
        "jar:file://{}", "/proc/self/environ", "/dev/stdin", "-", "pipe.xml", "link.xml", "folder", ".", "none.xml",
        "../secret.xml%00", "../secret.xml%00.xsl", "expect://id", "php://filter", "\\\\127.0.0.1\\x", "x" * 5000,
    ],
)  # fmt: skip
def test_nothing_else_is_read(folder, name, capfd):
    os.mkfifo(folder / "pipe.xml")
    (folder / "folder").mkdir()
    (folder / "sub").mkdir()
    (folder / "link.xml").symlink_to(folder.parent / "secret.xml")
    answer = read(folder, name.format(str(folder).replace(" ", "%20")))
    assert answer is None or "refused" in answer or "Invalid XML" in answer
    assert capfd.readouterr() == ("", "")


def test_nothing_is_included_by_xinclude(folder):
    """Neither into a stylesheet, nor into what it reads and makes, nor into a schema."""
    include = (
        f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file://{folder}/data.xml"/>'
    )
    include = include.replace(" files", "%20files")
    (folder / "main.xml").write_text(f"<data>{include}</data>")
    assert read(folder, "main.xml", "/data/data") is None
    result = XSLT("xslt", sheet(f"<r>{include}</r>"), allowed_paths=folder).transform(
        etree.fromstring(f"<a>{include}</a>")
    )
    assert [child.tag for child in result] == ["{http://www.w3.org/2001/XInclude}include"]
    with pytest.raises(etree.XMLSchemaParseError):
        XSD(
            "xsd",
            f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{include}</xs:schema>',
            allowed_paths=folder,
        )


def test_a_document_does_not_choose_a_catalog(folder):
    """It could send any name elsewhere."""
    (folder.parent / "catalog.xml").write_text(
        '<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">'
        f'<system systemId="data.ent" uri="file://{folder.parent}/secret.xml"/></catalog>'
    )
    (folder / "data.ent").write_text("yes")
    (folder / "main.xml").write_text(
        f'<?oasis-xml-catalog catalog="{folder.parent}/catalog.xml"?>'
        '<!DOCTYPE data [<!ENTITY e SYSTEM "data.ent">]><data>&e;</data>'
    )
    assert read(folder, "main.xml") == "yes"


def test_nothing_is_decompressed(folder):
    """Some kB could become some GB."""
    (folder / "data.xml.gz").write_bytes(gzip.compress(b"<data>yes</data>"))
    assert read(folder, "data.xml.gz") != "yes"


@pytest.mark.parametrize(
    "element",
    ["exsl:document href", "xsl:document href", "saxon:output file", "saxon:output href", "redirect:write file",
     "redirect:write href"],
)  # fmt: skip
@pytest.mark.parametrize(
    "target", ["-", "{}/out", "file://{}/out", "new/out", "http://127.0.0.1:9/out"]
)
def test_nothing_is_written(tmp_path, element, target, capfd):
    name, attribute = element.split()
    more = 'xmlns:saxon="http://icl.com/saxon" xmlns:redirect="org.apache.xalan.xslt.extensions.Redirect"'
    body = f'<r><{name} {attribute}="{target.format(tmp_path)}"><b/></{name}></r>'
    text = sheet(body, head=more).replace('prefixes="', 'prefixes="saxon redirect ')
    with pytest.raises(MalformedEventData):
        XSLT("xslt", text, allowed_paths=tmp_path).transform(etree.fromstring("<a/>"))
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_document_cannot_bring_functions():
    """dyn:evaluate() of what a document says reads no more than the stylesheet may."""
    actor = XSLT("xslt", sheet('<r><xsl:copy-of select="dyn:evaluate(/a)"/></r>'))
    assert actor.transform(etree.fromstring("<a>1 + 1</a>")).text == "2"
    with pytest.raises(MalformedEventData, match="refused"):
        actor.transform(etree.fromstring("<a>document('/etc/passwd')</a>"))


def test_errors_that_a_stylesheet_survives_are_logged(wrap):
    actor, log = XSLT("xslt", sheet('<r l="{dyn:evaluate(/a)}"/>')), Queue("log")
    actor.pool.logs.add("log", queue=log)
    wrapper = wrap(actor)
    wrapper.input = XMLEvent(data="<a>]</a>")
    assert wrapper.output.data.get("l") == ""
    assert "Invalid expression" in wait_for_log(log, "The stylesheet went on after errors").message


# ---- work without an end ----

RUN = """
from compysition.actors import XSLT
from compysition.event import XMLEvent

director = quiet_director(stop_timeout=0.1)
xslt = director.register_actor(XSLT, "xslt", os.environ["SHEET"])
end = director.register_actor(Null, "end")
director.connect_queue(xslt, end)
inbox = Queue("inbox")
xslt.register_consumer("inbox", inbox)
director.start(block=False)
for _ in range(6):
    inbox.put(XMLEvent(data="<a>" * 200 + "</a>" * 200))
inbox.wait_until_empty()
"""
STOP = """
director.stop()
say(director.stats()["events"]["reported"])
"""
LEAVE = """
say("leaves")
raise SystemExit(3)
"""
SIGNALS = """
say("ready")
director.block()
"""


@pytest.mark.parametrize("name", ENDLESS)
def test_a_stop_ends_what_would_not_end(run_script, name):
    assert run_script(RUN + STOP, SHEET=ENDLESS[name]) == (0, ["6"])


@pytest.mark.parametrize("name", ENDLESS)
def test_a_process_can_end_while_it_transforms(run_script, name):
    assert run_script(RUN + LEAVE, SHEET=ENDLESS[name]) == (3, ["leaves"])


@pytest.mark.parametrize("name", ENDLESS)
def test_a_second_signal_ends_the_process(run_script, name):
    script = RUN.replace("stop_timeout=0.1", "stop_timeout=100") + SIGNALS
    _, lines = run_script(script, signal.SIGTERM, signal.SIGTERM, SHEET=ENDLESS[name])
    assert lines[0] == "ready"


def test_a_stop_inside_gevent_ends_what_would_not_end(run_gevent_script):
    status, lines = run_gevent_script(
        RUN + STOP,
        before="import gevent.monkey; gevent.monkey.patch_all()\n",
        SHEET=ENDLESS["templates"],
    )
    assert (status, lines) == (0, ["6"])


@pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""),
    reason="a fork may meet locks of AddressSanitizer's own allocator, which has no handler of forks",
)
def test_a_fork_meets_no_lock_and_no_job(run_script):
    child = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
pid = os.fork()
if pid == 0:
    from compysition.testutils.test_actor import TestActorWrapper
    wrapper = TestActorWrapper(XSLT("other", os.environ["SHEET"]), output_timeout=30)
    wrapper.input = XMLEvent(data="<a><b/></a>")
    say(wrapper.output.data_string())
    os._exit(0)
say(os.waitpid(pid, 0)[1])
"""
    status, lines = run_script(RUN + child + STOP, SHEET=ENDLESS["expressions"])
    assert status == 0
    assert lines[0].endswith(">0</r>")
    assert lines[1:] == ["0", "6"]


# ---- schemas ----


def test_schemas_are_not_fetched_for_documents_in_several_threads(wrap, capfd):
    """A schema is shared by all threads; xsi:schemaLocation would add to it."""
    schema = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="r"><xs:complexType><xs:sequence>'
        '<xs:any namespace="##any" processContents="lax" maxOccurs="unbounded"/></xs:sequence></xs:complexType>'
        "</xs:element></xs:schema>"
    )
    parts = "".join(
        f'<x xmlns="urn:{i}" xsi:schemaLocation="urn:{i} /etc/{i}.xsd http://127.0.0.1:9/{i} x"/>'
        for i in range(500)
    )
    actor, results = XSD("xsd", schema), Queue("results")
    actor.pool.outbound.add("results", queue=results)
    wrapper = wrap(actor, output_queues=[])
    for _ in range(20):
        wrapper.input = XMLEvent(
            data=f'<r xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{parts}</r>'
        )
    for _ in range(20):
        assert len(results.get(block=True, timeout=60).data) == 500
    assert capfd.readouterr() == ("", "")
