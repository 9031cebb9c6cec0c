#include "xml/xpath.h"

#include "xml/qualify.h"

#include <stdlib.h>
#include <string.h>

/* An XPath for documents that have a default namespace, or for those that have none. */
typedef struct {
    bool prepared;
    CpsPath *path;              /* NULL: not simple */
    xmlXPathCompExpr *compiled; /* NULL until it is needed */
} Form;

struct CpsXPath {
    char *text;
    char *qualified_text; /* NULL until there is a document with a default namespace */
    xmlXPathContext *context;
    Form plain, qualified;
    xmlNs default_ns;   /* that of the document at hand */
    xmlNs **namespaces; /* those in scope there: the first one of a prefix counts */
    int count, capacity;
};

/* --- errors ----------------------------------------------------------------------------------------------------------------- */

/* libxml2 gives its messages about XPaths to nobody but stderr. */
static const char *
message_of(int code)
{
    static const char *const messages[] = {
        [XPATH_NUMBER_ERROR] = "Bad number",
        [XPATH_UNFINISHED_LITERAL_ERROR] = "Unfinished literal",
        [XPATH_START_LITERAL_ERROR] = "Bad literal",
        [XPATH_VARIABLE_REF_ERROR] = "Bad variable",
        [XPATH_UNDEF_VARIABLE_ERROR] = "Undefined variable",
        [XPATH_INVALID_PREDICATE_ERROR] = "Invalid predicate",
        [XPATH_EXPR_ERROR] = "Invalid expression",
        [XPATH_UNCLOSED_ERROR] = "Missing closing brace",
        [XPATH_UNKNOWN_FUNC_ERROR] = "Unregistered function",
        [XPATH_INVALID_OPERAND] = "Invalid operand",
        [XPATH_INVALID_TYPE] = "Invalid type",
        [XPATH_INVALID_ARITY] = "Invalid number of arguments",
        [XPATH_MEMORY_ERROR] = "Out of memory",
        [XPATH_UNDEF_PREFIX_ERROR] = "Undefined namespace prefix",
        [XPATH_ENCODING_ERROR] = "Encoding error",
        [XPATH_INVALID_CHAR_ERROR] = "Character that XML does not allow",
        [XPATH_STACK_ERROR] = "Too many values",
        [XPATH_OP_LIMIT_EXCEEDED] = "Too many steps",
        [XPATH_RECURSION_LIMIT_EXCEEDED] = "Too many levels",
    };
    size_t index = (size_t)(code - XML_XPATH_EXPRESSION_OK);

    return index < sizeof(messages) / sizeof(*messages) && messages[index] != NULL ? messages[index]
                                                                                   : "Invalid expression";
}

/* What comes from the parser of XPaths says where it stopped. */
static void
on_report(void *errors, CpsXmlReport report)
{
    const char *message = message_of(report->code), *text = report->str1;

    if (errors == NULL || report->domain != XML_FROM_XPATH) {
        cps_xml_errors_on_report(errors, report);
    }
    else if (text == NULL || report->int1 < 0 || (size_t)report->int1 > strlen(text)) {
        cps_xml_errors_add(errors, 0, 0, "%s", message);
    }
    else if (text[report->int1] == '\0') {
        cps_xml_errors_add(errors, 0, 0, "%s at the end", message);
    }
    else {
        cps_xml_errors_add(errors, 0, 0, "%s at '%.100s'", message, text + report->int1);
    }
}

static CpsXmlHandlers
begin(CpsXPath *self, CpsXmlErrors *errors)
{
    self->context->userData = errors;
    return cps_xml_errors_begin(errors, errors);
}

/* Without the names of libxml2's own functions. */
static void
end(CpsXmlHandlers before, const CpsXmlErrors *errors)
{
    static const char own[] = "xmlXPathCompOpEval: ";

    cps_xml_errors_end(before);
    for (size_t i = 0; i < errors->count; i++) {
        char *message = errors->items[i].message;

        if (strncmp(message, own, sizeof(own) - 1) == 0) {
            memmove(message, message + sizeof(own) - 1, strlen(message) - sizeof(own) + 2);
        }
    }
}

CpsXPath *
cps_xpath_new(const char *text)
{
    CpsXPath *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->text = strdup(text);
    self->context = xmlXPathNewContext(NULL);
    if (self->text == NULL || self->context == NULL) {
        cps_xpath_free(&self);
        return NULL;
    }
    self->context->error = on_report;
    self->context->opLimit = CPS_XPATH_MAX_STEPS;
    (void)xmlXPathContextSetCache(self->context, 1, -1, 0);
    return self;
}

void
cps_xpath_free(CpsXPath **xpath_p)
{
    CpsXPath *self = *xpath_p;

    if (self == NULL) {
        return;
    }
    *xpath_p = NULL;
    xmlXPathFreeCompExpr(self->plain.compiled);
    xmlXPathFreeCompExpr(self->qualified.compiled);
    cps_path_free(&self->plain.path);
    cps_path_free(&self->qualified.path);
    xmlXPathFreeContext(self->context);
    free(self->namespaces);
    free(self->qualified_text);
    free(self->text);
    free(self);
}

/* --- namespaces ------------------------------------------------------------------------------------------------------------- */

static bool
add_namespace(CpsXPath *self, xmlNs *declared)
{
    if (self->count == self->capacity) {
        int capacity = self->capacity == 0 ? 8 : 2 * self->capacity;
        xmlNs **grown = realloc(self->namespaces, (size_t)capacity * sizeof(xmlNs *));

        if (grown == NULL) {
            return false;
        }
        self->namespaces = grown;
        self->capacity = capacity;
    }
    self->namespaces[self->count++] = declared;
    return true;
}

/* Those that a node declares. */
static bool
add_declared(CpsXPath *self, const xmlNode *element)
{
    for (xmlNs *declared = element->nsDef; declared != NULL; declared = declared->next) {
        if (declared->prefix == NULL) {
            if (declared->href != NULL && *declared->href != '\0') {
                self->default_ns.href = declared->href;
            }
        }
        else if (!add_namespace(self, declared)) {
            return false;
        }
    }
    return true;
}

/* libxml2 takes the first of a prefix, but the one declared last shall count. */
static void
reverse_namespaces(CpsXPath *self)
{
    for (int i = 0, j = self->count - 1; i < j; i++, j--) {
        xmlNs *first = self->namespaces[i];

        self->namespaces[i] = self->namespaces[j];
        self->namespaces[j] = first;
    }
}

/* Those of the element and of its children. */
static bool
find_namespaces(CpsXPath *self, const xmlNode *element)
{
    self->count = 0;
    self->default_ns = (xmlNs){.type = XML_NAMESPACE_DECL, .prefix = (const xmlChar *)CPS_XPATH_DEFAULT_PREFIX};
    if (!add_declared(self, element)) {
        return false;
    }
    for (const xmlNode *child = element->children; child != NULL; child = child->next) {
        if (child->type == XML_ELEMENT_NODE && child->nsDef != NULL && !add_declared(self, child)) {
            return false;
        }
    }
    if (self->default_ns.href != NULL && !add_namespace(self, &self->default_ns)) {
        return false;
    }
    reverse_namespaces(self);
    return true;
}

/* --- evaluation ------------------------------------------------------------------------------------------------------------- */

/* The form that fits the namespaces at hand, and its text. NULL for want of memory. */
static Form *
form_at_hand(CpsXPath *self, const char **text)
{
    bool qualified = self->default_ns.href != NULL;
    Form *form = qualified ? &self->qualified : &self->plain;

    if (qualified && self->qualified_text == NULL) {
        self->qualified_text = cps_xpath_qualify(self->text);
        if (self->qualified_text == NULL) {
            return NULL;
        }
    }
    *text = qualified ? self->qualified_text : self->text;
    return form;
}

static CpsXPathStatus
compile(CpsXPath *self, xmlXPathCompExpr **compiled)
{
    const char *text;
    Form *form = form_at_hand(self, &text);

    if (form == NULL) {
        return CPS_XPATH_NO_MEMORY;
    }
    if (form->compiled == NULL) {
        form->compiled = xmlXPathCtxtCompile(self->context, (const xmlChar *)text);
    }
    *compiled = form->compiled;
    return form->compiled == NULL ? CPS_XPATH_FAILED : CPS_XPATH_DONE;
}

/* The context keeps nothing of the document, nor of whom it reports to. */
static void
leave_document(xmlXPathContext *context)
{
    context->userData = NULL;
    context->doc = NULL;
    context->node = NULL;
    context->namespaces = NULL;
    context->nsNr = 0;
}

/* Whether what is wrong is wrong with every document. */
static bool
is_fault_of_xpath(int code)
{
    return code == XML_XPATH_UNKNOWN_FUNC_ERROR || code == XML_XPATH_UNDEF_VARIABLE_ERROR ||
           code == XML_XPATH_INVALID_ARITY || code == XML_XPATH_INVALID_TYPE;
}

/* Whether it uses functions and variables as there are, as far as an evaluation without a document comes to them. */
static bool
works_on_nothing(xmlXPathContext *context, xmlXPathCompExpr *compiled)
{
    xmlDoc *empty = xmlNewDoc((const xmlChar *)"1.0");
    xmlXPathObject *result;

    xmlResetError(&context->lastError);
    context->doc = empty;
    context->node = (xmlNode *)empty;
    context->opCount = 0;
    result = empty == NULL ? NULL : xmlXPathCompiledEval(compiled, context);
    xmlXPathFreeObject(result); /* before its document */
    xmlFreeDoc(empty);
    return result != NULL || !is_fault_of_xpath(context->lastError.code);
}

bool
cps_xpath_check(CpsXPath *self, CpsXmlErrors *errors)
{
    CpsXmlHandlers before = begin(self, errors);
    xmlXPathCompExpr *compiled;
    CpsXPathStatus status;

    self->default_ns.href = NULL;
    status = compile(self, &compiled);
    if (status == CPS_XPATH_DONE && !works_on_nothing(self->context, compiled)) {
        status = CPS_XPATH_FAILED;
    }
    leave_document(self->context);
    end(before, errors);
    return status != CPS_XPATH_FAILED;
}

CpsXPathStatus
cps_xpath_evaluate(CpsXPath *self, xmlNode *element, xmlXPathObject **result, CpsXmlErrors *errors)
{
    xmlXPathContext *context = self->context;
    xmlXPathCompExpr *compiled;
    CpsXPathStatus status;
    CpsXmlHandlers before;

    *result = NULL;
    if (!find_namespaces(self, element)) {
        return CPS_XPATH_NO_MEMORY;
    }
    before = begin(self, errors);
    status = compile(self, &compiled);
    if (status == CPS_XPATH_DONE) {
        context->doc = element->doc;
        context->node = element;
        context->namespaces = self->namespaces;
        context->nsNr = self->count;
        context->opCount = 0;
        *result = xmlXPathCompiledEval(compiled, context);
        if (*result == NULL) {
            status = context->opCount >= context->opLimit ? CPS_XPATH_LIMITED : CPS_XPATH_FAILED;
        }
    }
    leave_document(context);
    end(before, errors);
    return status;
}

bool
cps_xpath_walk(CpsXPath *self, xmlNode *element, CpsPathVisit visit, void *context, int *result)
{
    const char *text;
    Form *form = find_namespaces(self, element) ? form_at_hand(self, &text) : NULL;

    if (form == NULL) {
        return false;
    }
    if (!form->prepared) {
        form->prepared = true;
        form->path = cps_path_new(text);
    }
    if (form->path == NULL || !cps_path_resolve(form->path, self->namespaces, self->count)) {
        return false;
    }
    *result = cps_path_walk(form->path, element, visit, context);
    return true;
}
