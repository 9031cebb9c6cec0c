"""Stylesheets for comparisons, by name: the instructions, functions and modules of XSLT 1.0 and EXSLT, one thing each."""

import itertools

NAMESPACES = {
    "xsl": "http://www.w3.org/1999/XSL/Transform",
    "exsl": "http://exslt.org/common",
    "str": "http://exslt.org/strings",
    "math": "http://exslt.org/math",
    "set": "http://exslt.org/sets",
    "date": "http://exslt.org/dates-and-times",
    "dyn": "http://exslt.org/dynamic",
    "func": "http://exslt.org/functions",
    "my": "urn:my",
    "n": "urn:n",
    "m": "urn:m",
}
EXTENSIONS = "exsl str math set date dyn func my"

# Documents that every stylesheet gets.
DOCUMENTS = {
    "order": (
        '<order id="o1" xml:lang="en" total="31.5"><!-- first --><?print now?>\n'
        + "".join(
            f'<item id="i{i}" n="{i * 7 % 11}"><name>{name}</name><price>{i * 1.25}</price></item>\n'
            for i, name in enumerate(["pear", "Apple", "fig", "äpfel", "fig", "10", "9"])
        )
        + "<note> two  words </note><empty/></order>"
    ),
    "namespaces": (
        '<n:order xmlns:n="urn:n" xmlns="urn:d" n:id="o2"><item id="i1" n="2"><name>a&amp;b</name></item>'
        '<m:item xmlns:m="urn:m" m:id="i2" n="x"><name xmlns="">&lt;c&gt; "d" \'e\'</name></m:item>text</n:order>'
    ),
    "mixed": (
        "<order><p>one <b>two <i>three</i></b> four</p> <p> </p>\n\t<p xml:space='preserve'> <b/> </p>"
        "<item n='-1'><name/></item><item n='0.5'><name>𝄞 é 漢</name></item></order>"
    ),
    "nested": "<order>" + "<item n='1'><name>x</name>" * 40 + "</item>" * 40 + "</order>",
    "tiny": "<order/>",
}


def sheet(body, top="", head=""):
    """A stylesheet with one template for the root; `top`: other top-level elements; `head`: more attributes."""
    names = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    return (
        f'<xsl:stylesheet version="1.0" {names} extension-element-prefixes="{EXTENSIONS}" {head}>'
        f'{top}<xsl:template match="/">{body}</xsl:template></xsl:stylesheet>'
    )


# What does not end with a document of many levels.
ENDLESS = {
    "templates": sheet(
        "<r><xsl:apply-templates/></r>",
        '<xsl:template match="a"><xsl:apply-templates/><xsl:apply-templates/></xsl:template>',
    ),
    "expressions": sheet(
        "<r><xsl:value-of select=\"count(//a[//a[//a[//a[//a[//a[. = 'x']]]]]])\"/></r>"
    ),
}


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def value(expression):
    """The value of an XPath expression, as text of the result."""
    return f'<r><xsl:value-of select="{escape(expression)}"/></r>'


# ---- XPath ----

AXES = [
    "ancestor", "ancestor-or-self", "attribute", "child", "descendant", "descendant-or-self", "following",
    "following-sibling", "namespace", "parent", "preceding", "preceding-sibling", "self",
]  # fmt: skip
TESTS = ["*", "node()", "text()", "comment()", "processing-instruction()", "item", "n:*"]

EXPRESSIONS = [
    # numbers
    "1 + 2 * 3 - 4", "7 mod 3", "-7 mod 3", "1 div 0", "-1 div 0", "0 div 0", "1 div 3", "2 = 2.0", "1e3", ".5",
    "number('12.50')", "number(' 7 ')", "number('x')", "number(true())", "floor(-1.5)", "ceiling(-1.5)",
    "round(2.5)", "round(-2.5)", "round(0.49999999999999994)", "sum(//@n[. = number(.)])", "count(//node())",
    "1000000000000000000000", "0.0000001", "123456789.123456789", "-0", "1 < 2 and 2 <= 2", "1 > 2 or 2 >= 2",
    # strings
    "string()", "string(//item)", "string(1 = 1)", "concat('a', 1, true(), //name)", "starts-with('abc', 'ab')",
    "contains('abc', '')", "substring-before('1999/04/01', '/')", "substring-after('1999/04/01', '/')",
    "substring('12345', 2, 3)", "substring('12345', 1.5, 2.6)", "substring('12345', 0 div 0, 3)",
    "substring('12345', -42, 1 div 0)", "substring('é漢𝄞x', 2, 2)", "string-length('é漢𝄞')", "string-length()",
    "normalize-space(' a  b \n c ')", "normalize-space()", "translate('bar', 'abc', 'AB')", "translate('é', 'é', 'e')",
    # booleans and comparisons of sets
    "boolean(//none)", "boolean('false')", "not(0)", "//@n = 2", "//@n != 2", "//@n > 8", "//none = //none",
    "//name = 'fig'", "//price[. > 3] = //price", "true() = 'x'", "lang('en')",
    # sets of nodes
    "count(//item | //name)", "count(//item[position() mod 2 = 1])", "//item[last()]/name", "//item[2]/name",
    "(//name)[3]", "//item[name = 'fig'][2]/@id", "count(//item[not(following-sibling::item)])", "name(//@*[last()])",
    "local-name(/*)", "namespace-uri(/*)", "name(/*)", "id('i1')", "count(//*[@n and name])", "//item[@n = '0']/@id",
    "string(//processing-instruction('print'))", "//comment()", "count(//*[ancestor::item])", "//text()[normalize-space()][1]",
    "count(//p//node())", "//@xml:lang", "count(//namespace::*)", "generate-id(/*) = generate-id(/order)",
    # functions of XSLT
    "system-property('xsl:version')", "format-number(1234567.891, '#,##0.00')", "format-number(0.5, '0%')",
    "format-number(-3, '0;(0)')", "format-number(1 div 0, '0')", "format-number(0 div 0, '0')",
    "format-number(0.007, '0.###')", "format-number(5, '000')", "format-number(12.5, '#')", "format-number(0.4, '#.#')",
    "format-number(1234.5, '#.##0,00', 'de')", "format-number(-1, '#', 'de')", "format-number(1 div 0, '#', 'de')",
    "element-available('xsl:if')", "element-available('xsl:nope')", "function-available('key')",
    "function-available('str:padding')", "function-available('nope')", "current()/order/@id", "//item[@n = current()//p]",
    "unparsed-entity-uri('x')", "count(key('by-name', 'fig'))", "key('by-name', //name[1])/@id",
    "count(key('by-name', //name))", "count(key('letters', 'f'))", "key('by-name', 'none')",
    # EXSLT
    "exsl:object-type(1)", "exsl:object-type('a')", "exsl:object-type(true())", "exsl:object-type(//item)",
    "math:max(//@n)", "math:min(//price)", "count(math:highest(//price))", "math:lowest(//price)", "math:abs(-2)",
    "math:sqrt(2)", "math:power(2, 10)", "math:constant('PI', 8)", "math:log(10)", "math:sin(1)", "math:cos(1)",
    "math:tan(1)", "math:asin(1)", "math:acos(1)", "math:atan(1)", "math:atan2(1, 2)", "math:exp(1)",
    "count(set:difference(//item, //item[@n > 3]))", "count(set:intersection(//item, //item[@n > 3]))",
    "count(set:distinct(//name))", "set:has-same-node(//item, //item[1])", "count(set:leading(//item, //item[3]))",
    "count(set:trailing(//item, //item[3]))", "str:padding(5, 'ab')", "str:padding(0)", "str:align('abc', '------', 'right')",
    "str:align('abc', '------', 'center')", "str:align('abcdefgh', '---')", "str:concat(//name)",
    "count(str:tokenize('a b,c', ' ,'))", "count(str:split('a, b, c', ', '))", "str:replace('banana', 'an', 'x')",
    "str:encode-uri('a b/é', true())", "str:decode-uri('a%20b')", "date:year('2004-02-29T10:11:12Z')",
    "date:leap-year('2004')", "date:month-in-year('2004-02-29')", "date:month-name('2004-02-29')",
    "date:week-in-year('2004-02-29')", "date:day-in-year('2004-02-29')", "date:day-in-week('2004-02-29')",
    "date:day-name('2004-02-29')", "date:hour-in-day('10:11:12')", "date:seconds('1970-01-02T00:00:00Z')",
    "date:add('2004-01-31', 'P1M')", "date:difference('2004-02-28', '2004-03-01')", "date:duration(90061)",
    "date:add-duration('P1D', 'PT12H')", "date:time('2004-02-29T10:11:12Z')", "date:date('2004-02-29T10:11:12Z')",
    "dyn:evaluate('1 + 1')", "dyn:evaluate('//item[1]/@id')", "dyn:evaluate(']')", "sum(dyn:map(//item, '@n * 2'))",
    "my:double(21)", "my:double(my:double(//@n[1]))", "my:factorial(6)",
]  # fmt: skip

TOP = (
    '<xsl:key name="by-name" match="item" use="name"/><xsl:key name="letters" match="name" use="substring(., 1, 1)"/>'
    '<xsl:decimal-format name="de" decimal-separator="," grouping-separator="." infinity="unendlich" minus-sign="_"/>'
    '<func:function name="my:double"><xsl:param name="x"/><func:result select="2 * $x"/></func:function>'
    '<func:function name="my:factorial"><xsl:param name="x"/><xsl:choose><xsl:when test="$x &lt; 2">'
    '<func:result select="1"/></xsl:when><xsl:otherwise><func:result select="$x * my:factorial($x - 1)"/>'
    "</xsl:otherwise></xsl:choose></func:function>"
)


def xpath_sheets():
    for axis, test in itertools.product(AXES, TESTS):
        body = (
            '<r><xsl:for-each select="//node()[position() mod 3 = 1]"><xsl:variable name="found" '
            f'select="{axis}::{test}"/><c n="{{count($found)}}" f="{{name($found[1])}}" l="{{name($found[last()])}}">'
            f'<xsl:value-of select="{axis}::{test}[1]"/></c></xsl:for-each></r>'
        )
        yield f"axis {axis}::{test}", sheet(body)
    for expression in EXPRESSIONS:
        yield f"value {expression!r}", sheet(value(expression), TOP)


# ---- instructions ----

COPY = '<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>'
EACH = '<r><xsl:for-each select="//item">{}</xsl:for-each></r>'

BODIES = {
    "literal elements": '<a b="1" c="{//item/@id}{{}}"><d/>text<e>&#233;&lt;</e></a>',
    "if": EACH.format('<xsl:if test="@n &gt; 3"><big><xsl:value-of select="name"/></big></xsl:if>'),
    "choose": EACH.format(
        '<xsl:choose><xsl:when test="@n &lt; 3">low</xsl:when><xsl:when test="@n &lt; 6">middle</xsl:when>'
        "<xsl:otherwise>high</xsl:otherwise></xsl:choose>,"
    ),
    "copy-of nodes": '<r><xsl:copy-of select="/*/@*"/><xsl:copy-of select="/*/node()"/></r>',
    "copy-of values": '<r><xsl:copy-of select="1 + 1"/><xsl:copy-of select="true()"/><xsl:copy-of select="\'x\'"/></r>',
    "copy-of a document": '<xsl:copy-of select="/"/>',
    "copy": '<r><xsl:for-each select="//node()|//@*"><xsl:copy/></xsl:for-each></r>',
    "copy without children": '<r><xsl:for-each select="//*"><xsl:copy>.</xsl:copy></xsl:for-each></r>',
    "element": '<r><xsl:element name="{name(//*[last()])}"/><xsl:element name="n:x"/><xsl:element name="y" namespace="urn:y"/></r>',
    "element with a wrong name": '<r><xsl:element name="1 x">y</xsl:element></r>',
    "attribute": '<r><xsl:attribute name="a">1</xsl:attribute><xsl:attribute name="n:b" namespace="urn:z"> x&#10;y</xsl:attribute></r>',
    "attribute twice": '<r a="0"><xsl:attribute name="a">1</xsl:attribute><xsl:attribute name="a">2</xsl:attribute></r>',
    "attribute after children": '<r><x/><xsl:attribute name="a">1</xsl:attribute></r>',
    "attribute of namespaces": '<r><xsl:attribute name="xmlns">urn:q</xsl:attribute></r>',
    "text": '<r><xsl:text> a </xsl:text> <xsl:text/><xsl:text>&#10;</xsl:text></r>',
    "comment": '<r><xsl:comment>a<xsl:value-of select="name(/*)"/></xsl:comment></r>',
    "comment with hyphens": '<r><xsl:comment>a--b-</xsl:comment></r>',
    "processing instruction": '<r><xsl:processing-instruction name="go">a="b"</xsl:processing-instruction></r>',
    "beside the root": '<xsl:comment>before</xsl:comment><r/><xsl:processing-instruction name="after"/>',
    "two roots": "<r/><s/>",
    "text beside the root": "a<r/>b",
    "no root": "text",
    "nothing": "",
    "number": EACH.format('<xsl:number/>;<xsl:number count="item" format="a"/>;'),
    "number any": '<r><xsl:for-each select="//name"><xsl:number level="any" count="item|name" format="(i) "/></xsl:for-each></r>',
    "number multiple": '<r><xsl:for-each select="//name"><xsl:number level="multiple" count="*" format="1.A.i "/></xsl:for-each></r>',
    "number from": '<r><xsl:for-each select="//b|//name"><xsl:number level="any" from="p|item" count="node()"/>,</xsl:for-each></r>',
    "fallback": '<r><my:nothing><xsl:fallback>instead</xsl:fallback></my:nothing></r>',
    "message": "<r><xsl:message>one</xsl:message><xsl:message>two <b>x</b></xsl:message></r>",
    "message that ends it": '<r/><xsl:if test="//item"><xsl:message terminate="yes">no items, please</xsl:message></xsl:if>',
    "variables": '<xsl:variable name="a" select="2"/><xsl:variable name="b">x<y/></xsl:variable><r a="{$a}" b="{$b}"><xsl:copy-of select="$b"/></r>',
    "node-set": '<xsl:variable name="v"><i>1</i><i>2</i></xsl:variable><r><xsl:value-of select="sum(exsl:node-set($v)/i)"/></r>',
    "unknown function": '<r><xsl:value-of select="my:nothing()"/></r>',
    "unknown variable": '<r><xsl:value-of select="$nothing"/></r>',
    "unknown template": '<r><xsl:call-template name="nothing"/></r>',
    "unknown format": "<r><xsl:value-of select=\"format-number(1, '0', 'nothing')\"/></r>",
    "wrong number of arguments": "<r><xsl:value-of select=\"concat('a')\"/></r>",
    "wrong type of argument": "<r><xsl:value-of select=\"count('a')\"/></r>",
    "attribute in a namespace": '<r xmlns:p="urn:p" p:a="1" xmlns="urn:def"><q/></r>',
    "excluded namespaces": '<r xmlns:p="urn:p" xsl:exclude-result-prefixes="p n m"><p:q/></r>',
    "default namespace undone": '<r xmlns="urn:d"><s xmlns=""><t/></s></r>',
    "tokens as nodes": "<r><xsl:copy-of select=\"str:tokenize('a b c')\"/></r>",
    "split as nodes": "<r><xsl:for-each select=\"str:split('a-b', '-')\"><xsl:value-of select=\"concat(position(), .)\"/></xsl:for-each></r>",
    "apply to nothing": '<r><xsl:apply-templates select="//none"/></r>',
    "built-in templates": "<r><xsl:apply-templates/></r>",
    "long text": "<r>" + "<xsl:value-of select=\"str:padding(5000, 'long ')\"/>" * 5 + "</r>",
}  # fmt: skip

# name: (body, top)
TOPS = {
    "identity": ("<xsl:apply-templates/>", COPY),
    "identity but for": ("<xsl:apply-templates/>", COPY + '<xsl:template match="item[@n &gt; 2]|@id|comment()"/>'),
    "identity renames": (
        "<xsl:apply-templates/>",
        COPY + '<xsl:template match="item"><thing><xsl:apply-templates select="@*|node()"/></thing></xsl:template>',
    ),
    "modes": (
        '<r><xsl:apply-templates select="//item" mode="a"/><xsl:apply-templates select="//item" mode="b"/></r>',
        '<xsl:template match="item" mode="a"><a><xsl:value-of select="@n"/></a></xsl:template>'
        '<xsl:template match="item" mode="b"><b><xsl:apply-templates select="." mode="a"/></b></xsl:template>',
    ),
    "priorities": (
        "<r><xsl:apply-templates select='//*'/></r>",
        '<xsl:template match="*"><s/></xsl:template><xsl:template match="item"><i/></xsl:template>'
        '<xsl:template match="item[1]"><first/></xsl:template><xsl:template match="name" priority="-1"><low/></xsl:template>'
        '<xsl:template match="n:*"><in/></xsl:template><xsl:template match="p/b" priority="3"><pb/></xsl:template>',
    ),
    "named templates": (
        '<r><xsl:call-template name="t"/><xsl:call-template name="t"><xsl:with-param name="p" select="\'q\'"/></xsl:call-template></r>',
        '<xsl:template name="t"><xsl:param name="p">d<e/></xsl:param><u><xsl:copy-of select="$p"/></u></xsl:template>',
    ),
    "parameters of templates": (
        '<r><xsl:apply-templates select="//item"><xsl:with-param name="p" select="count(//item)"/></xsl:apply-templates></r>',
        '<xsl:template match="item"><xsl:param name="p" select="0"/><xsl:value-of select="$p - @n"/>,</xsl:template>',
    ),
    "global variables": (
        '<r><xsl:value-of select="$b"/><xsl:value-of select="$c"/></r>',
        '<xsl:variable name="b" select="$a * 2"/><xsl:variable name="a" select="count(//item)"/><xsl:param name="c">z</xsl:param>',
    ),
    "circular variables": (
        '<r><xsl:value-of select="$a"/></r>',
        '<xsl:variable name="a" select="$b"/><xsl:variable name="b" select="$a"/>',
    ),
    "attribute sets": (
        '<r xsl:use-attribute-sets="one two" b="own"><xsl:element name="e" use-attribute-sets="two"/></r>',
        '<xsl:attribute-set name="one"><xsl:attribute name="a">1</xsl:attribute><xsl:attribute name="b">1</xsl:attribute></xsl:attribute-set>'
        '<xsl:attribute-set name="two" use-attribute-sets="one"><xsl:attribute name="a">2</xsl:attribute></xsl:attribute-set>',
    ),
    "attribute sets on a copy": (
        '<r><xsl:for-each select="//item"><xsl:copy use-attribute-sets="s"/></xsl:for-each></r>',
        '<xsl:attribute-set name="s"><xsl:attribute name="p"><xsl:value-of select="@n"/></xsl:attribute></xsl:attribute-set>',
    ),
    "namespace alias": (
        '<m:stylesheet version="1.0"><m:template match="/"/></m:stylesheet>',
        '<xsl:namespace-alias stylesheet-prefix="m" result-prefix="xsl"/>',
    ),
    "recursion": (
        '<r><xsl:call-template name="t"><xsl:with-param name="n" select="100"/></xsl:call-template></r>',
        '<xsl:template name="t"><xsl:param name="n"/><xsl:if test="$n &gt; 0"><l n="{$n}"><xsl:call-template name="t">'
        '<xsl:with-param name="n" select="$n - 1"/></xsl:call-template></l></xsl:if></xsl:template>',
    ),
    "recursion for ever": (
        '<r><xsl:call-template name="t"/></r>',
        '<xsl:template name="t"><xsl:call-template name="t"/></xsl:template>',
    ),
    "groups by keys": (
        '<r><xsl:for-each select="//item[generate-id() = generate-id(key(\'by-name\', name)[1])]"><g name="{name}">'
        '<xsl:for-each select="key(\'by-name\', name)"><xsl:value-of select="@id"/> </xsl:for-each></g></xsl:for-each></r>',
        TOP,
    ),
    "text of the sheet": (
        '<r><xsl:copy-of select="document(\'\')/*/my:table/entry[@k = count(current()//item)]"/></r>',
        '<my:table><entry k="7">seven</entry><entry k="2">two</entry><entry k="0">none</entry></my:table>',
    ),
    "white space of the sheet": ("\n  <r>\n <s> </s>\n <t xml:space='preserve'> <u/> </t> x </r>\n", ""),
    "not forwards compatible": ("<r/>", "<xsl:nothing/>"),
    "doctype": ("<r/>", '<xsl:output doctype-system="r.dtd" doctype-public="-//R"/>'),
}  # fmt: skip

OUTPUTS = [
    'method="xml"', 'method="html"', 'method="text"', 'method="xml" indent="yes"', 'method="html" indent="no"',
    'encoding="ISO-8859-1"', 'encoding="US-ASCII"', 'encoding="UTF-16"', 'omit-xml-declaration="yes"', 'standalone="yes"',
    'cdata-section-elements="name n:name"', 'method="xml" cdata-section-elements="r"', 'media-type="text/plain"',
]  # fmt: skip

SPACES = {
    "strip all": '<xsl:strip-space elements="*"/>',
    "strip one": '<xsl:strip-space elements="order"/>',
    "strip but preserve": '<xsl:strip-space elements="*"/><xsl:preserve-space elements="p"/>',
    "preserve": '<xsl:preserve-space elements="*"/>',
    "strip a namespace": '<xsl:strip-space elements="n:*"/>',
}

SORTS = [
    "", 'order="descending"', 'data-type="number"', 'data-type="number" order="descending"', 'case-order="upper-first"',
    'case-order="lower-first"', 'select="name"', 'select="name" order="descending"', 'select="price" data-type="number"',
    'select="string-length(name)" data-type="number"', 'select="@n" data-type="number"', 'select="@none"',
]  # fmt: skip

NUMBERS = ["1", "01", "001", "a", "A", "i", "I", "1.", "(1)", "- 1 -", "A-1", ""]


def instruction_sheets():
    for name, body in BODIES.items():
        yield f"body: {name}", sheet(body)
    for name, (body, top) in TOPS.items():
        yield f"top: {name}", sheet(body, top)
    for output in OUTPUTS:
        body = '<r><br/><name>&lt;a&gt; é</name><xsl:copy-of select="//name"/></r>'
        yield f"output {output}", sheet(body, f"<xsl:output {output}/>")
        yield (
            f"output {output} of HTML",
            sheet(
                "<html><head><title>é</title></head><body><p class='x'>a<br/><script>1 &lt; 2</script></p></body></html>",
                f"<xsl:output {output}/>",
            ),
        )
    for name, top in SPACES.items():
        yield f"space: {name}", sheet("<xsl:copy-of select='/'/>", top)
        yield f"space: {name}, counted", sheet(value("count(//text())"), top)
        yield f"space: {name}, identity", sheet("<xsl:apply-templates/>", top + COPY)
    for first, second in itertools.product(
        SORTS, ["", "<xsl:sort select='@id' order='descending'/>"]
    ):
        body = f'<r><xsl:for-each select="//item"><xsl:sort {first}/>{second}<xsl:value-of select="@id"/>,</xsl:for-each></r>'
        yield f"sort {first} {'twice' if second else ''}", sheet(body)
    for style, number in itertools.product(NUMBERS, [1, 26, 27, 1234567, 0, 2.5]):
        grouped = ' grouping-separator="," grouping-size="3"'
        body = f'<r><xsl:number value="{number}" format="{style}"/>;<xsl:number value="{number}" format="{style}"{grouped}/></r>'
        yield f"number {style} {number}", sheet(body)


SHEETS = {**dict(xpath_sheets()), **dict(instruction_sheets())}

# With disable-output-escaping: the result is meant to be read anew.
MARKUP = {
    "a reference": sheet('<r><xsl:text disable-output-escaping="yes">&amp;#65;</xsl:text></r>'),
    "an element": sheet(
        '<r>1<xsl:text disable-output-escaping="yes">&lt;b&gt;x&lt;/b&gt;</xsl:text>2</r>'
    ),
    "tags": sheet(
        '<r><xsl:for-each select="//item"><xsl:value-of select="\'&lt;i>\'" disable-output-escaping="yes"/>'
        '<xsl:value-of select="@n"/><xsl:value-of select="\'&lt;/i>\'" disable-output-escaping="yes"/></xsl:for-each></r>'
    ),
}
