"""Schemas for comparisons, by name, each with the documents it is asked about."""

import itertools

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def schema(content, attributes=""):
    return (
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" {attributes}>{content}</xs:schema>'
    )


def root(content, attributes=""):
    """A schema for an element <r> with that as its type."""
    return schema(f'<xs:element name="r">{content}</xs:element>', attributes)


def simple(content):
    return root(f"<xs:simpleType>{content}</xs:simpleType>")


def complex_type(content, attributes=""):
    return root(f"<xs:complexType {attributes}>{content}</xs:complexType>")


def texts(*values):
    return [f"<r>{value}</r>" for value in values]


# ---- simple types ----

TYPES = [
    "string", "normalizedString", "token", "language", "Name", "NCName", "NMTOKEN", "NMTOKENS", "ID", "IDREF", "IDREFS",
    "ENTITY", "QName", "boolean", "decimal", "integer", "nonPositiveInteger", "negativeInteger", "nonNegativeInteger",
    "positiveInteger", "long", "int", "short", "byte", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte",
    "float", "double", "duration", "dateTime", "time", "date", "gYearMonth", "gYear", "gMonthDay", "gDay", "gMonth",
    "hexBinary", "base64Binary", "anyURI", "anySimpleType",
]  # fmt: skip

VALUES = texts(
    "", " ", "a", " a  b ", "-a", "a:b", "xs:b", "é", "0", "1", "-1", "01", "127", "128", "255", "256", "32768",
    "65536", "2147483648", "4294967296", "18446744073709551616", "1.5", ".5", "1.", "1e3", "INF", "-INF", "NaN", "inf",
    "true", "TRUE", "P1Y2M3DT4H5M6.7S", "P", "PT", "-P1D", "2004-02-29", "2003-02-29", "2004-13-01", "2004-02-29Z",
    "2004-02-29T24:00:00", "2004-02-29T10:11:12.5+14:00", "10:11:12", "25:00:00", "2004-02", "2004", "-0001", "--02-29",
    "---31", "---32", "--12", "--13", "0a", "0A1", "AQID", "AQI=", "A", "http://x/?a=b#c", "a b", "%zz", "en-GB", "&lt;",
    "one two", "\t", "x" * 300,
)  # fmt: skip

FACETS = [
    ("string", '<xs:length value="2"/>'), ("string", '<xs:minLength value="2"/><xs:maxLength value="3"/>'),
    ("string", '<xs:pattern value="[a-c]+\\d?"/>'), ("string", '<xs:pattern value="\\p{Lu}.*"/><xs:pattern value="\\i\\c*"/>'),
    ("string", '<xs:enumeration value="a"/><xs:enumeration value="one two"/>'), ("string", '<xs:whiteSpace value="collapse"/><xs:maxLength value="3"/>'),
    ("token", '<xs:pattern value="a b"/>'), ("string", '<xs:whiteSpace value="replace"/><xs:pattern value="[^ ]*"/>'),
    ("integer", '<xs:minInclusive value="-1"/><xs:maxExclusive value="128"/>'), ("integer", '<xs:totalDigits value="3"/>'),
    ("decimal", '<xs:fractionDigits value="0"/>'), ("decimal", '<xs:minExclusive value="0"/><xs:maxInclusive value="1.5"/>'),
    ("double", '<xs:minInclusive value="0"/>'), ("date", '<xs:minInclusive value="2004-01-01"/>'),
    ("duration", '<xs:maxInclusive value="P1Y"/>'), ("hexBinary", '<xs:length value="1"/>'), ("base64Binary", '<xs:length value="3"/>'),
    ("anyURI", '<xs:maxLength value="3"/>'), ("NMTOKENS", '<xs:length value="2"/>'), ("boolean", '<xs:pattern value="true|false"/>'),
    ("QName", '<xs:enumeration value="xs:b"/>'), ("gYear", '<xs:minInclusive value="2000"/>'), ("time", '<xs:maxExclusive value="12:00:00"/>'),
    ("string", '<xs:minLength value="3"/><xs:maxLength value="2"/>'), ("integer", '<xs:length value="1"/>'), ("string", '<xs:pattern value="["/>'),
]  # fmt: skip

LISTS = {
    "list": '<xs:list itemType="xs:int"/>',
    "list of tokens": '<xs:list itemType="xs:NMTOKEN"/>',
    "union": '<xs:union memberTypes="xs:int xs:boolean"/>',
    "union of types of its own": '<xs:union><xs:simpleType><xs:restriction base="xs:int"><xs:maxInclusive value="5"/>'
    '</xs:restriction></xs:simpleType><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="a"/>'
    "</xs:restriction></xs:simpleType></xs:union>",
    "list of a union": '<xs:list><xs:simpleType><xs:union memberTypes="xs:int xs:boolean"/></xs:simpleType></xs:list>',
    "restricted list": '<xs:restriction><xs:simpleType><xs:list itemType="xs:int"/></xs:simpleType><xs:maxLength value="2"/></xs:restriction>',
}


def simple_schemas():
    for name in TYPES:
        yield f"type {name}", root("").replace('name="r"', f'name="r" type="xs:{name}"'), VALUES
    for base, facets in FACETS:
        yield (
            f"{base} {facets}",
            simple(f'<xs:restriction base="xs:{base}">{facets}</xs:restriction>'),
            VALUES,
        )
    for name, content in LISTS.items():
        more = texts("1 2", "1 2 3", "1 x", "true 1", "1  2", "5", "6", "a a")
        yield name, simple(content), [*VALUES, *more]


# ---- complex types ----

A, B, C = '<xs:element name="a"/>', '<xs:element name="b" type="xs:int"/>', '<xs:element name="c"/>'

CHILDREN = [
    "",
    "a",
    "b",
    "c",
    "aa",
    "ab",
    "ba",
    "bb",
    "abc",
    "acb",
    "cab",
    "abb",
    "aab",
    "abab",
    "ax",
    "x",
    "aaaa",
]


def children(word, text=""):
    parts = {"a": "<a/>", "b": "<b>1</b>", "c": "<c>t</c>", "x": "<x/>"}
    return f"<r>{text}" + text.join(parts[letter] for letter in word) + f"{text}</r>"


DOCUMENTS = [
    *map(children, CHILDREN),
    *(children(word, " t ") for word in ("", "a", "ab")),
    *(
        "<r z='1'/>",
        "<r z='x'><a/></r>",
        "<r><b>x</b></r>",
        "<r><a><a/></a></r>",
        "<s/>",
        "<r xmlns='urn:o'/>",
    ),
    *(
        "<r><!-- c --><a/><?p i?><b>1</b></r>",
        f"<r {XSI} xsi:nil='true'/>",
        f"<r {XSI} xsi:nil='true'><a/></r>",
    ),
    *(
        f"<r {XSI} xsi:type='xs:int'/>",
        f"<r {XSI} xsi:type='t'><a/></r>",
        f"<r {XSI} xsi:type='none'/>",
    ),
]

GROUPS = {
    f"{kind} {minimum} to {maximum} of {name}": (
        f'<xs:{kind} minOccurs="{minimum}" maxOccurs="{maximum}">{content}</xs:{kind}>'
    )
    for kind, (minimum, maximum), (name, content) in itertools.product(
        ["sequence", "choice"],
        [(1, 1), (0, 1), (0, "unbounded"), (2, 3)],
        [
            ("ab", A + B),
            ("a?b", A.replace("/>", ' minOccurs="0"/>') + B),
            ("a*c", A.replace("/>", ' minOccurs="0" maxOccurs="unbounded"/>') + C),
            ("(a|b)c", f"<xs:choice>{A}{B}</xs:choice>{C}"),
            ("(ab)|c", f"<xs:choice><xs:sequence>{A}{B}</xs:sequence>{C}</xs:choice>"),
        ],
    )
}

COMPLEX = {
    "all": f"<xs:all>{A}{B}{C.replace('/>', ' minOccurs=' + chr(34) + '0' + chr(34) + '/>')}</xs:all>",
    "all may be missing": f'<xs:all minOccurs="0">{A}{B}</xs:all>',
    "any": "<xs:sequence><xs:any/></xs:sequence>",
    "any lax": '<xs:sequence><xs:any processContents="lax" minOccurs="0" maxOccurs="2"/></xs:sequence>',
    "any skip": '<xs:sequence><xs:any processContents="skip" maxOccurs="unbounded"/></xs:sequence>',
    "any other": '<xs:sequence><xs:any namespace="##other" processContents="skip" minOccurs="0"/></xs:sequence>',
    "any attribute": '<xs:sequence/><xs:anyAttribute processContents="skip"/>',
    "ambiguous": f"<xs:choice><xs:sequence>{A}{B}</xs:sequence><xs:sequence>{A}{C}</xs:sequence></xs:choice>",
    "nothing": "",
    "attribute": '<xs:attribute name="z" type="xs:int"/>',
    "attribute required": '<xs:attribute name="z" use="required"/>',
    "attribute prohibited": '<xs:attribute name="z" use="prohibited"/>',
    "attribute fixed": '<xs:attribute name="z" fixed="1"/>',
    "attribute by default": '<xs:attribute name="z" default="2"/><xs:attribute name="y" default="3"/>',
    "simple content": '<xs:simpleContent><xs:extension base="xs:int"><xs:attribute name="z"/></xs:extension></xs:simpleContent>',
}

WHOLE = {
    "nillable": (f'<xs:element name="r" nillable="true"><xs:complexType><xs:sequence>{A}</xs:sequence></xs:complexType></xs:element>', ()),
    "default of an element": ('<xs:element name="r" type="xs:int" default="7"/>', texts("", "x", "8")),
    "fixed element": ('<xs:element name="r" type="xs:int" fixed="7"/>', texts("", "07", "8", "7")),
    "abstract": ('<xs:element name="r" abstract="true"/>', ()),
    "extension": (
        f'<xs:complexType name="base"><xs:sequence>{A}</xs:sequence></xs:complexType>'
        f'<xs:complexType name="t"><xs:complexContent><xs:extension base="base"><xs:sequence>{B}</xs:sequence></xs:extension>'
        '</xs:complexContent></xs:complexType><xs:element name="r" type="base"/>',
        [f"<r {XSI} xsi:type='t'><a/><b>1</b></r>", f"<r {XSI} xsi:type='base'><a/></r>"],
    ),
    "extension blocked": (
        f'<xs:complexType name="base" block="extension"><xs:sequence>{A}</xs:sequence></xs:complexType>'
        f'<xs:complexType name="t"><xs:complexContent><xs:extension base="base"><xs:sequence>{B}</xs:sequence></xs:extension>'
        '</xs:complexContent></xs:complexType><xs:element name="r" type="base"/>',
        [f"<r {XSI} xsi:type='t'><a/><b>1</b></r>"],
    ),
    "restriction": (
        f'<xs:complexType name="base"><xs:sequence>{A}{B.replace("/>", " minOccurs=" + chr(34) + "0" + chr(34) + "/>")}</xs:sequence>'
        f'</xs:complexType><xs:complexType name="t"><xs:complexContent><xs:restriction base="base"><xs:sequence>{A}</xs:sequence>'
        '</xs:restriction></xs:complexContent></xs:complexType><xs:element name="r" type="t"/>',
        (),
    ),
    "restriction that is none": (
        f'<xs:complexType name="base"><xs:sequence>{A}</xs:sequence></xs:complexType><xs:complexType name="t"><xs:complexContent>'
        f'<xs:restriction base="base"><xs:sequence>{C}</xs:sequence></xs:restriction></xs:complexContent></xs:complexType>'
        '<xs:element name="r" type="t"/>',
        (),
    ),
    "substitution group": (
        '<xs:element name="a" type="xs:string"/><xs:element name="b" type="xs:string" substitutionGroup="a"/>'
        '<xs:element name="r"><xs:complexType><xs:sequence><xs:element ref="a" maxOccurs="2"/></xs:sequence></xs:complexType></xs:element>',
        (),
    ),
    "abstract head of a substitution group": (
        '<xs:element name="a" abstract="true"/><xs:element name="b" substitutionGroup="a"/>'
        '<xs:element name="r"><xs:complexType><xs:choice maxOccurs="unbounded"><xs:element ref="a"/></xs:choice></xs:complexType></xs:element>',
        (),
    ),
    "groups by name": (
        f'<xs:group name="g"><xs:sequence>{A}{B}</xs:sequence></xs:group><xs:attributeGroup name="h"><xs:attribute name="z" type="xs:int"/>'
        '</xs:attributeGroup><xs:element name="r"><xs:complexType><xs:group ref="g" minOccurs="0" maxOccurs="2"/><xs:attributeGroup ref="h"/>'
        "</xs:complexType></xs:element>",
        (),
    ),
    "mixed": (f'<xs:element name="r"><xs:complexType mixed="true"><xs:sequence>{A}</xs:sequence></xs:complexType></xs:element>', ()),
    "recursive": (
        '<xs:complexType name="t"><xs:sequence><xs:element name="a" type="t" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>'
        '<xs:element name="r" type="t"/>',
        ["<r>" + "<a>" * 200 + "</a>" * 200 + "</r>", "<r>" + "<a>" * 100 + "<x/>" + "</a>" * 100 + "</r>"],
    ),
    "identity": (
        '<xs:element name="r"><xs:complexType><xs:sequence><xs:element name="k" maxOccurs="unbounded"><xs:complexType>'
        '<xs:attribute name="id" type="xs:int"/><xs:attribute name="to" type="xs:int"/><xs:attribute name="u"/></xs:complexType></xs:element>'
        '</xs:sequence></xs:complexType><xs:key name="key"><xs:selector xpath="k"/><xs:field xpath="@id"/></xs:key>'
        '<xs:keyref name="ref" refer="key"><xs:selector xpath=".//k"/><xs:field xpath="@to"/></xs:keyref>'
        '<xs:unique name="unique"><xs:selector xpath="k"/><xs:field xpath="@u"/></xs:unique></xs:element>',
        [
            "<r><k id='1'/><k id='2' to='1'/></r>", "<r><k id='1'/><k id='01'/></r>", "<r><k id='1' to='3'/></r>", "<r><k/></r>",
            "<r><k id='1' u='a'/><k id='2' u='a'/></r>", "<r><k id='1' u='a'/><k id='2' u='b'/></r>", "<r><k id='x'/><k id='1'/></r>",
        ],
    ),
    "ids": (
        '<xs:element name="r"><xs:complexType><xs:sequence><xs:element name="k" maxOccurs="unbounded"><xs:complexType>'
        '<xs:attribute name="id" type="xs:ID"/><xs:attribute name="to" type="xs:IDREF"/></xs:complexType></xs:element></xs:sequence>'
        "</xs:complexType></xs:element>",
        ["<r><k id='a'/><k to='a'/></r>", "<r><k id='a'/><k id='a'/></r>", "<r><k to='a'/></r>", "<r><k id='1'/></r>"],
    ),
    "unknown type": ('<xs:element name="r" type="none"/>', ()),
    "unknown element": ('<xs:element name="r"><xs:complexType><xs:sequence><xs:element ref="none"/></xs:sequence></xs:complexType></xs:element>', ()),
    "two of a name": ('<xs:element name="r"/><xs:element name="r"/>', ()),
    "circular types": ('<xs:complexType name="t"><xs:complexContent><xs:extension base="t"/></xs:complexContent></xs:complexType><xs:element name="r" type="t"/>', ()),
    "circular groups": ('<xs:group name="g"><xs:sequence><xs:group ref="g"/></xs:sequence></xs:group><xs:element name="r"/>', ()),
    "notation": ('<xs:notation name="n" public="p"/><xs:element name="r" type="xs:string"/>', ()),
    "annotations": ('<xs:annotation><xs:documentation>d<b/></xs:documentation><xs:appinfo/></xs:annotation><xs:element name="r"/>', ()),
}  # fmt: skip

NAMESPACES = [
    "<r/>", "<r xmlns='urn:t'/>", "<t:r xmlns:t='urn:t'/>", "<r xmlns='urn:t'><a/></r>", "<t:r xmlns:t='urn:t'><a/></t:r>",
    "<t:r xmlns:t='urn:t'><t:a/></t:r>", "<t:r xmlns:t='urn:t' z='1'><a/></t:r>", "<t:r xmlns:t='urn:t' t:z='1'><a/></t:r>",
    f"<r xmlns='urn:t' {XSI} xsi:schemaLocation='urn:t none.xsd'><a/></r>", f"<r {XSI} xsi:noNamespaceSchemaLocation='none.xsd'/>",
]  # fmt: skip


def complex_schemas():
    for name, content in {**GROUPS, **COMPLEX}.items():
        yield name, complex_type(content), DOCUMENTS
        yield f"{name}, mixed", complex_type(content, 'mixed="true"'), DOCUMENTS
    for name, (content, documents) in WHOLE.items():
        yield name, schema(content), [*DOCUMENTS, *documents]
    for element, attribute in itertools.product(["qualified", "unqualified"], repeat=2):
        content = (
            f'<xs:element name="r"><xs:complexType><xs:sequence>{A}</xs:sequence><xs:attribute name="z" type="xs:int"/>'
            "</xs:complexType></xs:element>"
        )
        forms = f'targetNamespace="urn:t" elementFormDefault="{element}" attributeFormDefault="{attribute}"'
        yield f"namespace, {element} and {attribute}", schema(content, forms), NAMESPACES


# Valid since libxml2 2.13: a sign before, and white space around, numbers of derived types.
LATER_VALID = {
    "signs": (root("").replace('name="r"', 'name="r" type="xs:unsignedInt"'), texts("+1", "1")),
    "white space": (root("").replace('name="r"', 'name="r" type="xs:int"'), texts(" 1 ", "1")),
}

SCHEMAS = {
    name: (text, documents) for name, text, documents in (*simple_schemas(), *complex_schemas())
}
