"""The built-in actors.

``from compysition.actors import *`` gives the actors, and nothing else.
"""

from compysition.actors.basicauth import BasicAuth
from compysition.actors.data import Data
from compysition.actors.dicttoxml import DictToXML, PropertiesToXML
from compysition.actors.eventattributemodifier import (
    EventAttributeLookupModifier,
    EventAttributeModifier,
    HTTPJSONAttributeModifier,
    HTTPStatusModifier,
    HTTPXpathEventAttributeModifier,
    JSONEventAttributeModifier,
    XpathEventAttributeModifer,
    XpathEventAttributeModifier,
)
from compysition.actors.eventdataaggregator import EventDataAggregator, EventDataXMLAggregator
from compysition.actors.eventgenerator import (
    CronEventGenerator,
    EventGenerator,
    UDPCronEventGenerator,
    UDPEventGenerator,
)
from compysition.actors.eventjoin import EventJoin, JSONEventJoin, XMLEventJoin
from compysition.actors.eventlogger import EventLogger
from compysition.actors.eventrouter import (
    EventFilter,
    EventJSONFilter,
    EventRouter,
    EventXMLFilter,
    EventXMLXpathsFilter,
    HTTPMethodEventRouter,
    SimpleRouter,
)
from compysition.actors.filelogger import FileLogger
from compysition.actors.flowcontroller import FlowController
from compysition.actors.header import Header
from compysition.actors.httpclient import HTTPClient
from compysition.actors.httpserver import HTTPServer
from compysition.actors.jsonvalidator import JSONValidator
from compysition.actors.mdpactors import MDPClient, MDPWorker
from compysition.actors.mdpbroker import MDPBroker
from compysition.actors.mdpregistrar import MDPBrokerRegistrationService
from compysition.actors.null import Null
from compysition.actors.redactedfilelogger import RedactedFileLogger
from compysition.actors.rest import RESTTranslator
from compysition.actors.smtp import SMTPIn, SMTPOut
from compysition.actors.stdout import STDOUT
from compysition.actors.tcp import TCPIn, TCPOut
from compysition.actors.testevent import TestEvent
from compysition.actors.transformer import Transformer
from compysition.actors.wsgi import WSGI, BottleWSGI, WSGIServer
from compysition.actors.xmlaggregator import XMLAggregator
from compysition.actors.xmlfilter import XMLFilter
from compysition.actors.xmlmatcher import XMLMatcher
from compysition.actors.xmltodict import XMLToDict
from compysition.actors.xmlvalidator import XMLValidator
from compysition.actors.xsd import XSD
from compysition.actors.xslt import XSLT
from compysition.actors.zeromq import (
    ZMQDealer,
    ZMQPub,
    ZMQPull,
    ZMQPush,
    ZMQRep,
    ZMQReq,
    ZMQSub,
)

HTTPJSONEventAttributeModifier = HTTPJSONAttributeModifier  # its name in 1.1

__all__ = [
    "STDOUT",
    "WSGI",
    "XSD",
    "XSLT",
    "BasicAuth",
    "BottleWSGI",
    "CronEventGenerator",
    "Data",
    "DictToXML",
    "EventAttributeLookupModifier",
    "EventAttributeModifier",
    "EventDataAggregator",
    "EventDataXMLAggregator",
    "EventFilter",
    "EventGenerator",
    "EventJSONFilter",
    "EventJoin",
    "EventLogger",
    "EventRouter",
    "EventXMLFilter",
    "EventXMLXpathsFilter",
    "FileLogger",
    "FlowController",
    "HTTPClient",
    "HTTPJSONAttributeModifier",
    "HTTPJSONEventAttributeModifier",
    "HTTPMethodEventRouter",
    "HTTPServer",
    "HTTPStatusModifier",
    "HTTPXpathEventAttributeModifier",
    "Header",
    "JSONEventAttributeModifier",
    "JSONEventJoin",
    "JSONValidator",
    "MDPBroker",
    "MDPBrokerRegistrationService",
    "MDPClient",
    "MDPWorker",
    "Null",
    "PropertiesToXML",
    "RESTTranslator",
    "RedactedFileLogger",
    "SMTPIn",
    "SMTPOut",
    "SimpleRouter",
    "TCPIn",
    "TCPOut",
    "TestEvent",
    "Transformer",
    "UDPCronEventGenerator",
    "UDPEventGenerator",
    "WSGIServer",
    "XMLAggregator",
    "XMLEventJoin",
    "XMLFilter",
    "XMLMatcher",
    "XMLToDict",
    "XMLValidator",
    "XpathEventAttributeModifer",
    "XpathEventAttributeModifier",
    "ZMQDealer",
    "ZMQPub",
    "ZMQPull",
    "ZMQPush",
    "ZMQRep",
    "ZMQReq",
    "ZMQSub",
]
