/* module.h: what belongs to the module as a whole: its state (types, exceptions, names) and how to reach it. */
#ifndef CPS_MODULE_H
#define CPS_MODULE_H

#include "base/list.h"
#include "compat.h"
#include "errors.h"

/* The types that C code needs to reach; each is made by its own cps_*_setup. */
#define CPS_TYPES(X)                    \
    X(Worker)                           \
    X(Payload)                          \
    X(Property)                         \
    X(DataFormatInterface)              \
    X(JSONFormatInterface)              \
    X(XMLFormatInterface)               \
    X(StandIn)                          \
    X(XMLParser)                        \
    X(Event)                            \
    X(HttpEvent)                        \
    X(JSONEvent)                        \
    X(JSONHttpEvent)                    \
    X(XMLEvent)                         \
    X(XMLHttpEvent)                     \
    X(LogEvent)                         \
    X(Queue)                            \
    X(ZMQPush)                          \
    X(ZMQPull)                          \
    X(ZMQPub)                           \
    X(ZMQSub)                           \
    X(ZMQDealer)                        \
    X(ZMQReq)                           \
    X(ZMQRep)                           \
    X(InternalQueuePool)                \
    X(QueuePool)                        \
    X(Logger)                           \
    X(Task)                             \
    X(RestartPool)                      \
    X(Actor)                            \
    X(Null)                             \
    X(STDOUT)                           \
    X(EventLogger)                      \
    X(FlowController)                   \
    X(Schedule)                         \
    X(ScheduledJob)                     \
    X(EventGenerator)                   \
    X(CronEventGenerator)               \
    X(UDPInterface)                     \
    X(UDPEventGenerator)                \
    X(UDPCronEventGenerator)            \
    X(TestEvent)                        \
    X(EventAttributeModifier)           \
    X(EventAttributeLookupModifier)     \
    X(HTTPStatusModifier)               \
    X(JSONEventAttributeModifier)       \
    X(HTTPJSONAttributeModifier)        \
    X(EventDataEventAttributeModifier)  \
    X(EventDataStaticAttributeModifier) \
    X(EventDataAggregator)              \
    X(EventDataXMLAggregator)           \
    X(JSONValidator)                    \
    X(XpathEventAttributeModifer)       \
    X(HTTPXpathEventAttributeModifier)  \
    X(MatchedEvent)                     \
    X(MatchedJSONEvent)                 \
    X(MatchedXMLEvent)                  \
    X(EventJoin)                        \
    X(JSONEventJoin)                    \
    X(XMLEventJoin)                     \
    X(LogFile)                          \
    X(FileLogger)                       \
    X(RedactedFileLogger)               \
    X(EventFilter)                      \
    X(EventJSONFilter)                  \
    X(EventXMLFilter)                   \
    X(EventXMLXpathsFilter)             \
    X(EventRouter)                      \
    X(SimpleRouter)                     \
    X(HTTPMethodEventRouter)            \
    X(XSLT)                             \
    X(XSD)                              \
    X(SetCookie)                        \
    X(DictToXML)                        \
    X(PropertiesToXML)                  \
    X(XMLToDict)                        \
    X(HTTPServer)                       \
    X(WSGI)                             \
    X(WSGIServer)                       \
    X(BottleWSGI)                       \
    X(BasicAuth)                        \
    X(RESTTranslator)                   \
    X(HTTPClient)                       \
    X(SMTPOut)                          \
    X(SMTPIn)                           \
    X(MDPBroker)                        \
    X(MDPBrokerRegistrationService)     \
    X(MDPActor)                         \
    X(MDPRequest)                       \
    X(MDPClient)                        \
    X(MDPWorker)                        \
    X(TCPIn)                            \
    X(TCPOut)                           \
    X(Director)

/* Names that are looked up often, interned once. */
#define CPS_NAMES(X)             \
    X(consume)                   \
    X(send_event)                \
    X(send_error)                \
    X(register_consumer)         \
    X(convert)                   \
    X(rescue)                    \
    X(max_rescue)                \
    X(blocking_consume)          \
    X(pool)                      \
    X(logger)                    \
    X(threads)                   \
    X(blockdiag_config)          \
    X(origin)                    \
    X(origin_queue)              \
    X(pre_hook)                  \
    X(post_hook)                 \
    X(preHook)                   \
    X(postHook)                  \
    X(start)                     \
    X(stop)                      \
    X(input)                     \
    X(output)                    \
    X(put)                       \
    X(get)                       \
    X(name)                      \
    X(size)                      \
    X(data)                      \
    X(error)                     \
    X(event_id)                  \
    X(meta_id)                   \
    X(service)                   \
    X(created)                   \
    X(headers)                   \
    X(status)                    \
    X(environment)               \
    X(method)                    \
    X(level)                     \
    X(id)                        \
    X(time)                      \
    X(message)                   \
    X(code)                      \
    X(origin_actor)              \
    X(logger_filename)           \
    X(_event_id)                 \
    X(_data)                     \
    X(_error)                    \
    X(_status)                   \
    X(_set_error)                \
    X(data_string)               \
    X(error_string)              \
    X(format_error)              \
    X(conversion_methods)        \
    X(xml_parser)                \
    X(REQUIRED_EVENT_ATTRIBUTES) \
    X(REQUEST_METHOD)            \
    X(accept)                    \
    X(queue)                     \
    X(content_type)              \
    X(format_response_data)      \
    X(callback)                  \
    X(bottle)                    \
    X(CONTENT_TYPES)             \
    X(DEFAULT_ROUTE)             \
    X(HTTP_AUTHORIZATION)        \
    X(PATH_INFO)                 \
    X(entity_id)                 \
    X(_authenticate)             \
    X(__deepcopy__)              \
    X(__reduce__)                \
    X(__reduce_ex__)             \
    X(__getstate__)              \
    X(__setstate__)              \
    X(__missing__)               \
    X(__dict__)                  \
    X(__subclasses__)            \
    X(default_factory)           \
    X(update)                    \
    X(__name__)                  \
    X(gr_context)                \
    X(write)                     \
    X(flush)                     \
    X(lookup)                    \
    X(get_modify_value)          \
    X(get_key_chain_value)       \
    X(matched_event_class)       \
    X(report_inbox)              \
    X(all_inboxes_reported)      \
    X(joined)                    \
    X(key)                       \
    X(process_error)             \
    X(_build_formatter)          \
    X(search)                    \
    X(matches)                   \
    X(_get_value)                \
    X(parse_value_regexes)       \
    X(set_next_filter)           \
    X(set_filter)                \
    X(process_no_match)          \
    X(transform)                 \
    X(strip)                     \
    X(root)                      \
    X(jsonified_envelope)        \
    X(errors)                    \
    X(process_message)           \
    X(peer)                      \
    X(sender)                    \
    X(recipients)                \
    X(DEFAULT_INTERVAL)

/* Other objects that C code needs to reach. Those that are imported are NULL until cps_import gets them. */
#define CPS_OBJECTS(X)                                                                      \
    X(consume_kwnames)   /* ("origin", "origin_queue") */                                   \
    X(default_service)   /* "default" */                                                    \
    X(default_status)    /* (200, "OK") */                                                  \
    X(not_given)         /* compysition.event.DEFAULT */                                    \
    X(http_code_map)     /* exception class -> {"status": ..., "headers": ...} */           \
    X(plain_conversions) /* Event.conversion_methods */                                     \
    X(json_conversions)  /* JSONEvent.conversion_methods */                                 \
    X(json_decode)       /* JSONDecoder(parse_constant=...).decode, strict */               \
    X(json_scan)         /* the same decoder's scan_once */                                 \
    X(xml_conversions)   /* XMLEvent.conversion_methods */                                  \
    X(element_class)     /* stands for lxml.etree._Element */                               \
    X(tree_class)        /* stands for lxml.etree._ElementTree */                           \
    X(text_key)          /* "#text" */                                                      \
    X(lxml_parser)       /* lxml, NULL until the first element is asked for; so all four */ \
    X(lxml_fromstring)                                                                      \
    X(lxml_tostring)                                                                        \
    X(lxml_tostring_options)                                                                \
    X(directors)    /* list of the running ones, of all threads */                          \
    X(stop_handler) /* called by SIGINT and SIGTERM; NULL until a director is made */       \
    X(old_handlers) /* signal number -> what our handler replaced */                        \
    X(json_loads)   /* imported, as all below */                                            \
    X(json_dumps)                                                                           \
    X(deepcopy)                                                                             \
    X(datetime)                                                                             \
    X(http_status)    /* http.HTTPStatus */                                                 \
    X(newobj)         /* copyreg.__newobj__ */                                              \
    X(slotnames)      /* copyreg._slotnames */                                              \
    X(event_vars)     /* compysition._eventvars.EventVars */                                \
    X(compile_schema) /* compysition._schema.compile_schema */                              \
    X(cron_trigger)   /* apscheduler.triggers.cron.CronTrigger */                           \
    X(udp_peer)       /* compysition.actors.util.udplib.Peer */                             \
    X(bottle_call)    /* compysition._bottle.call; so the next three */                     \
    X(bottle_routes)                                                                        \
    X(bottle_error_answer)                                                                  \
    X(bottle_add_changes)                                                                   \
    X(re_compile)                                                                           \
    X(a2b_base64)        /* binascii.a2b_base64 */                                          \
    X(read_mail)         /* compysition._mail.read */                                       \
    X(canonical_charset) /* compysition._charsets.canonical */

enum { CPS_COPY_CACHE = 64 };

typedef struct CpsState {
    PyObject *errors[CPS_ERROR_COUNT]; /* owned; indexed by CpsErrorKind */
    struct {
#define CPS_FIELD(name) PyTypeObject *name; /* owned */
        CPS_TYPES(CPS_FIELD)
#undef CPS_FIELD
    } types;
    struct {
#define CPS_FIELD(name) PyObject *name; /* owned, interned */
        CPS_NAMES(CPS_FIELD)
#undef CPS_FIELD
    } names;
#define CPS_FIELD(name) PyObject *name; /* owned */
    CPS_OBJECTS(CPS_FIELD)
#undef CPS_FIELD
    struct CpsEvent *free_events; /* memory of dead events, linked by their dict; see event/event.c */
    int free_event_count;
    unsigned int copied_plainly[CPS_COPY_CACHE]; /* version tags of types without copying of their own */
    int lxml_access;                             /* what of lxml can be reached; see xml/lxml.c */
    void (*lxml_adopt)(void);                    /* a function of lxml; NULL: not reached */
    Py_ssize_t made_directors;                   /* that were not started yet */
    CpsList log_files;                           /* CpsLogFile.link: those that are open in the process */
} CpsState;

extern PyModuleDef cps_module;

/* The state, from an instance of one of our types or of a subclass. Cannot fail on those. Borrowed. */
static inline CpsState *
cps_state_of(PyObject *self)
{
    return PyModule_GetState(PyType_GetModuleByDef(Py_TYPE(self), &cps_module));
}

/* The state, from one of our types or a subclass. Borrowed. */
static inline CpsState *
cps_state_of_type(PyTypeObject *type)
{
    return PyModule_GetState(PyType_GetModuleByDef(type, &cps_module));
}

/* An entry for tp_getset: __dict__, of a type that declares the offset of its instances' dict. */
#define CPS_DICT {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}

/* Make the type of `spec` with `bases` (borrowed: NULL, a type, or a tuple of types), store it at *slot and add it to
 * the module under its own name when that does not begin with an underscore. Returns 0, or -1 with an exception set. */
int cps_add_type(PyObject *module, PyTypeObject **slot, PyType_Spec *spec, PyObject *bases);

/* Whether the method `name` of `type` is the C function itself, not overridden. */
bool cps_method_is(PyTypeObject *type, PyObject *name, PyCFunction function);

/* dict[key] = value, which is stolen and may be NULL. Returns 0, or -1 with an exception set. */
int cps_dict_set_new(PyObject *dict, PyObject *key, PyObject *value);

/* `attribute` of module `name`, imported on the first use and kept at *cache. Borrowed, or NULL with an exception set. */
PyObject *cps_import(PyObject **cache, const char *name, const char *attribute);

#endif
