#include "http/environ.h"

#include "base/ascii.h"
#include "base/decimal.h"
#include "base/percent.h"
#include "http/form.h"

#include <string.h>

/* Keys that are set for each request. */
#define ENVIRON_KEYS(X)                    \
    X(REQUEST_METHOD, "REQUEST_METHOD")    \
    X(PATH_INFO, "PATH_INFO")              \
    X(QUERY_STRING, "QUERY_STRING")        \
    X(QUERY_DATA, "QUERY_STRING_DATA")     \
    X(SERVER_PROTOCOL, "SERVER_PROTOCOL")  \
    X(REMOTE_ADDR, "REMOTE_ADDR")          \
    X(REMOTE_PORT, "REMOTE_PORT")          \
    X(RAW_PATH, "bottle.raw_path")         \
    X(URLPARTS, "bottle.request.urlparts") \
    X(URL_ARGS, "route.url_args")

#define ENVIRON_ENUM(name, text) KEY_##name,
enum { ENVIRON_KEYS(ENVIRON_ENUM) KEY_COUNT };
#undef ENVIRON_ENUM

static const char *const key_texts[] = {
#define ENVIRON_TEXT(name, text) text,
    ENVIRON_KEYS(ENVIRON_TEXT)
#undef ENVIRON_TEXT
};

/* Headers of most clients, as they send them: their keys are interned, as those in scripts are. */
static const char *const usual_headers[] = {
    "Accept",
    "accept",
    "Accept-Encoding",
    "accept-encoding",
    "Accept-Language",
    "accept-language",
    "Authorization",
    "authorization",
    "Cache-Control",
    "cache-control",
    "Connection",
    "connection",
    "Content-Length",
    "content-length",
    "Content-Type",
    "content-type",
    "Cookie",
    "cookie",
    "Host",
    "host",
    "Origin",
    "origin",
    "Referer",
    "referer",
    "Transfer-Encoding",
    "transfer-encoding",
    "User-Agent",
    "user-agent",
    "X-Forwarded-For",
    "x-forwarded-for",
    "X-Forwarded-Proto",
    "x-forwarded-proto",
    "X-Requested-With",
    "x-requested-with",
};

/* Names of headers that came before, by a hash of their bytes, and the keys that they became. A new one takes the place of another that has
 * the same hash. Longer names are made anew each time. */
enum { CACHE_SIZE = 256, CACHED_NAME = 40 };

typedef struct {
    char name[CACHED_NAME];
    size_t length; /* 0: the place is free */
    PyObject *key; /* owned; NULL: a header that is dropped */
} CachedName;

struct CpsHttpEnvironBase {
    CpsState *state;           /* borrowed */
    PyObject *constants;       /* owned dict: what is the same for all requests */
    PyObject *keys[KEY_COUNT]; /* owned, interned */
    PyObject *protocols[2];    /* owned: "HTTP/1.0", "HTTP/1.1" */
    PyObject *nothing;         /* owned: "" */
    PyObject *scheme_text;     /* owned */
    const char *scheme;
    PyObject *host; /* owned str: of requests that name none */
    CachedName cache[CACHE_SIZE];
};

/* --- names of headers -------------------------------------------------------------------------------------------------------------- */

/* Write the key of a header: HTTP_ before its name, in upper case; Content-Type and Content-Length without that. Returns its length. */
static size_t
write_key(char *text, const char *name, size_t length)
{
    static const char prefix[] = "HTTP_";
    bool bare = (length == 12 && cps_ascii_same(name, "Content-Type", length)) ||
                (length == 14 && cps_ascii_same(name, "Content-Length", length));
    size_t end = bare ? 0 : sizeof(prefix) - 1;

    memcpy(text, prefix, end);
    for (size_t i = 0; i < length; i++) {
        text[end++] = name[i] == '-' ? '_' : cps_ascii_upper(name[i]);
    }
    return end;
}

/* The key of a header; a name with "_" in it is dropped: it would pass for one with "-". New; NULL without an exception: dropped; or NULL with
 * one set. */
static PyObject *
header_key(const char *name, size_t length)
{
    char stack[128];
    size_t size = length + sizeof("HTTP_");
    char *text;
    PyObject *key;

    if (memchr(name, '_', length) != NULL) {
        return NULL;
    }
    text = size <= sizeof(stack) ? stack : PyMem_Malloc(size);
    if (text == NULL) {
        return PyErr_NoMemory();
    }
    key = PyUnicode_DecodeASCII(text, (Py_ssize_t)write_key(text, name, length), NULL);
    if (text != stack) {
        PyMem_Free(text);
    }
    return key;
}

static uint32_t
hash_name(const char *name, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    }
    return hash;
}

/* The same from the cache, or into it. New; NULL as above. */
static PyObject *
cached_key(CpsHttpEnvironBase *self, const char *name, size_t length)
{
    CachedName *place = &self->cache[hash_name(name, length) % CACHE_SIZE];
    PyObject *key;

    if (place->length == length && memcmp(place->name, name, length) == 0) {
        return Py_XNewRef(place->key);
    }
    key = header_key(name, length);
    if (length > CACHED_NAME || (key == NULL && PyErr_Occurred())) {
        return key;
    }
    memcpy(place->name, name, length);
    place->length = length;
    Py_XSETREF(place->key, Py_XNewRef(key));
    return key;
}

/* Returns 0, or -1 with an exception set. */
static int
cache_usual_headers(CpsHttpEnvironBase *self)
{
    for (size_t i = 0; i < sizeof(usual_headers) / sizeof(usual_headers[0]); i++) {
        size_t length = strlen(usual_headers[i]);
        PyObject *key = cached_key(self, usual_headers[i], length);

        if (key == NULL) {
            return -1;
        }
        PyUnicode_InternInPlace(&key); /* what clients send is not: Python may keep it for ever */
        Py_XSETREF(self->cache[hash_name(usual_headers[i], length) % CACHE_SIZE].key, key);
    }
    return 0;
}

/* --- what is the same for all ----------------------------------------------------------------------------------------------------------- */

static PyObject *
number_text(int port)
{
    char digits[CPS_DECIMAL_DIGITS], *end = digits + sizeof(digits), *first = cps_decimal((uint64_t)port, end);

    return PyUnicode_FromStringAndSize(first, end - first);
}

static PyObject *
make_constants(PyObject *address, int port, const char *scheme)
{
    PyObject *number = number_text(port);
    PyObject *constants =
        number == NULL
            ? NULL
            : Py_BuildValue("{sO,sO,ss,ss,ss,ss,s(ii),sO,sO,sO}", "SERVER_NAME", address, "SERVER_PORT", number,
                            "SERVER_SOFTWARE", "compysition", "GATEWAY_INTERFACE", "CGI/1.1", "SCRIPT_NAME", "",
                            "wsgi.url_scheme", scheme, "wsgi.version", 1, 0, "wsgi.multithread", Py_False,
                            "wsgi.multiprocess", Py_False, "wsgi.run_once", Py_False);

    Py_XDECREF(number);
    return constants;
}

/* Returns 0, or -1 with an exception set. */
static int
base_fill(CpsHttpEnvironBase *self, PyObject *address, int port)
{
    bool is_ipv6 = PyUnicode_FindChar(address, ':', 0, PY_SSIZE_T_MAX, 1) >= 0;

    self->scheme_text = PyUnicode_InternFromString(self->scheme);
    self->host = PyUnicode_FromFormat(is_ipv6 ? "[%U]:%d" : "%U:%d", address, port);
    self->constants = make_constants(address, port, self->scheme);
    self->nothing = PyUnicode_FromString("");
    self->protocols[0] = PyUnicode_InternFromString("HTTP/1.0");
    self->protocols[1] = PyUnicode_InternFromString("HTTP/1.1");
    for (int i = 0; i < KEY_COUNT; i++) {
        self->keys[i] = PyUnicode_InternFromString(key_texts[i]);
        if (self->keys[i] == NULL) {
            return -1;
        }
    }
    if (self->host == NULL || self->constants == NULL || self->scheme_text == NULL || self->nothing == NULL ||
        self->protocols[0] == NULL || self->protocols[1] == NULL) {
        return -1;
    }
    return cache_usual_headers(self);
}

CpsHttpEnvironBase *
cps_http_environ_base_new(CpsState *state, PyObject *address, int port, bool tls)
{
    CpsHttpEnvironBase *self = PyMem_Calloc(1, sizeof(*self));

    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    self->state = state;
    self->scheme = tls ? "https" : "http";
    if (base_fill(self, address, port) < 0) {
        cps_http_environ_base_free(self);
        return NULL;
    }
    return self;
}

void
cps_http_environ_base_free(CpsHttpEnvironBase *self)
{
    if (self == NULL) {
        return;
    }
    Py_XDECREF(self->constants);
    Py_XDECREF(self->nothing);
    Py_XDECREF(self->host);
    Py_XDECREF(self->protocols[0]);
    Py_XDECREF(self->protocols[1]);
    Py_XDECREF(self->scheme_text);
    for (int i = 0; i < KEY_COUNT; i++) {
        Py_XDECREF(self->keys[i]);
    }
    for (int i = 0; i < CACHE_SIZE; i++) {
        Py_XDECREF(self->cache[i].key);
    }
    PyMem_Free(self);
}

/* --- texts ---------------------------------------------------------------------------------------------------------------------------- */

/* UTF-8, or else Latin-1. New, or NULL with an exception set. */
static PyObject *
decode_text(const char *bytes, size_t length)
{
    PyObject *text = PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)length, NULL);

    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        text = PyUnicode_DecodeLatin1(bytes, (Py_ssize_t)length, NULL);
    }
    return text;
}

static PyObject *
decode_slice(const CpsHttpRequest *request, CpsSlice slice)
{
    return decode_text(cps_slice(request, slice), slice.length);
}

PyObject *
cps_http_environ_path(const CpsHttpRequest *request)
{
    char stack[512];
    size_t length = request->path.length;
    char *bytes = length <= sizeof(stack) ? stack : PyMem_Malloc(length);
    PyObject *path = NULL;

    if (bytes == NULL) {
        return PyErr_NoMemory();
    }
    length = cps_percent_decode(bytes, cps_slice(request, request->path), length, false);
    while (length > 1 && bytes[length - 1] == '/') {
        length--;
    }
    if (memchr(bytes, '\0', length) == NULL) {
        path = PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)length, NULL);
        if (path == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
            PyErr_Clear();
        }
    }
    if (bytes != stack) {
        PyMem_Free(bytes);
    }
    return path;
}

/* Where the request was sent to: what it says itself, else this server. New, or NULL with an exception set. */
static PyObject *
request_host(const CpsHttpEnvironBase *base, const CpsHttpRequest *request)
{
    return request->authority.length > 0 ? decode_slice(request, request->authority) : Py_NewRef(base->host);
}

PyObject *
cps_http_environ_url(const CpsHttpEnvironBase *base, const CpsHttpRequest *request)
{
    PyObject *host = request_host(base, request);
    PyObject *path = host == NULL ? NULL : decode_slice(request, request->path);
    PyObject *query = path == NULL ? NULL : decode_slice(request, request->query);
    PyObject *url = query == NULL ? NULL
                                  : PyUnicode_FromFormat("%s://%U%U%s%U", base->scheme, host, path,
                                                         request->query.length > 0 ? "?" : "", query);

    Py_XDECREF(host);
    Py_XDECREF(path);
    Py_XDECREF(query);
    return url;
}

/* --- an environment --------------------------------------------------------------------------------------------------------------------- */

/* A header that came before: its values are joined. Returns 0, or -1 with an exception set. */
static int
join_header(PyObject *environ, PyObject *key, PyObject *before, PyObject *value)
{
    bool is_cookie = PyUnicode_CompareWithASCIIString(key, "HTTP_COOKIE") == 0;

    return cps_dict_set_new(environ, key, PyUnicode_FromFormat("%U%s%U", before, is_cookie ? "; " : ", ", value));
}

/* Returns 0, or -1 with an exception set. */
static int
put_header(CpsHttpEnvironBase *base, PyObject *environ, const CpsHttpRequest *request, const CpsHttpField *field)
{
    PyObject *key = cached_key(base, cps_slice(request, field->name), field->name.length);
    PyObject *value, *kept; /* kept: borrowed */
    int status = 0;

    if (key == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    /* An absolute target names the host, whatever the header says (RFC 9112, 3.2.2). */
    value = decode_slice(request, field->kind == CPS_FIELD_HOST ? request->authority : field->value);
    kept = value == NULL ? NULL : PyDict_SetDefault(environ, key, value);
    if (kept == NULL) {
        status = -1;
    }
    else if (kept != value) {
        status = join_header(environ, key, kept, value);
    }
    Py_DECREF(key);
    Py_XDECREF(value);
    return status;
}

/* A path as it stands in a URL. New, or NULL with an exception set. */
static PyObject *
quote_path(PyObject *path)
{
    Py_ssize_t length;
    const char *bytes = PyUnicode_AsUTF8AndSize(path, &length);
    CpsBuffer quoted = {0};
    PyObject *text;

    if (bytes == NULL) {
        return NULL;
    }
    if (cps_percent_encode(&quoted, bytes, (size_t)length, "/") < 0) {
        text = PyErr_NoMemory();
    }
    else if (quoted.length == (size_t)length) {
        text = Py_NewRef(path);
    }
    else {
        text = PyUnicode_DecodeASCII(quoted.bytes, (Py_ssize_t)quoted.length, NULL);
    }
    cps_buffer_free(&quoted);
    return text;
}

/* (scheme, host, path, query, fragment). A plain tuple, which copies of the event share. New, or NULL with an exception set. */
static PyObject *
make_urlparts(const CpsHttpEnvironBase *base, const CpsHttpRequest *request, PyObject *path, PyObject *query)
{
    PyObject *host = request_host(base, request);
    PyObject *quoted = host == NULL ? NULL : quote_path(path);
    PyObject *parts = quoted == NULL ? NULL : PyTuple_Pack(5, base->scheme_text, host, quoted, query, base->nothing);

    Py_XDECREF(host);
    Py_XDECREF(quoted);
    return parts;
}

/* Returns 0, or -1 with an exception set. */
static int
put_url(const CpsHttpEnvironBase *base, PyObject *environ, const CpsHttpRequest *request, PyObject *path)
{
    PyObject *const *keys = base->keys;
    PyObject *query = request->query.length == 0 ? Py_NewRef(base->nothing) : decode_slice(request, request->query);
    int status = -1;

    if (query != NULL && PyDict_SetItem(environ, keys[KEY_QUERY_STRING], query) == 0 &&
        PyDict_SetItem(environ, keys[KEY_PATH_INFO], path) == 0 &&
        PyDict_SetItem(environ, keys[KEY_RAW_PATH], path) == 0 &&
        cps_dict_set_new(environ, keys[KEY_URLPARTS], make_urlparts(base, request, path, query)) == 0) {
        status =
            cps_dict_set_new(environ, keys[KEY_QUERY_DATA],
                             cps_form_dict(base->state, cps_slice(request, request->query), request->query.length));
    }
    Py_XDECREF(query);
    return status;
}

/* Returns 0, or -1 with an exception set. */
static int
environ_fill(CpsHttpEnvironBase *base, PyObject *environ, const CpsHttpRequest *request, const char *peer, int port)
{
    PyObject *const *keys = base->keys;

    for (uint32_t i = 0; i < request->field_count; i++) {
        if (put_header(base, environ, request, &request->fields[i]) < 0) {
            return -1;
        }
    }
    if (cps_dict_set_new(environ, keys[KEY_REQUEST_METHOD], decode_slice(request, request->method)) < 0 ||
        PyDict_SetItem(environ, keys[KEY_SERVER_PROTOCOL], base->protocols[request->minor != 0]) < 0) {
        return -1;
    }
    return cps_dict_set_new(environ, keys[KEY_REMOTE_ADDR], PyUnicode_FromString(peer)) < 0 ||
                   cps_dict_set_new(environ, keys[KEY_REMOTE_PORT], number_text(port)) < 0
               ? -1
               : 0;
}

PyObject *
cps_http_environ(CpsHttpEnvironBase *base, const CpsHttpRequest *request, const char *peer, int port, PyObject *path,
                 PyObject *url_args)
{
    PyObject *environ = PyDict_Copy(base->constants);
    PyObject *args = url_args == NULL ? PyDict_New() : Py_NewRef(url_args);

    if (environ != NULL &&
        (args == NULL || environ_fill(base, environ, request, peer, port) < 0 ||
         put_url(base, environ, request, path) < 0 || PyDict_SetItem(environ, base->keys[KEY_URL_ARGS], args) < 0)) {
        Py_CLEAR(environ);
    }
    Py_XDECREF(args);
    return environ;
}
