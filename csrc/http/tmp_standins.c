/* Stand-ins until accept.c, contenttype.c, form.c and environ.c are there: delete this file then. */
#include "http/accept.h"
#include "http/contenttype.h"
#include "http/environ.h"
#include "http/form.h"
#include <ctype.h>
static const char *const N[]={"application/xml+schema","application/json+schema","*/*","text/plain","text/html","text/xml","application/xml","application/json",""};
CpsMediaType cps_accept_choose(const char *a,size_t l,bool *inv){ *inv=false; if(!a) return CPS_MEDIA_ANY; for(int i=7;i>=0;i--){ if(memmem(a,l,N[i],strlen(N[i]))==a) return i;} return CPS_MEDIA_ANY;}
const char *cps_media_type_name(CpsMediaType t){return N[t];}
CpsMediaType cps_media_type_named(const char *n,size_t l){for(int i=0;i<8;i++) if(strlen(N[i])==l&&!memcmp(n,N[i],l)) return i; return CPS_MEDIA_ANY;}
void cps_content_type_read(CpsContentType *c,const char *v,size_t l){memset(c,0,sizeof *c); c->kind=CPS_CONTENT_JSON; if(!v) return; size_t i=0; for(;i<l&&v[i]!=';'&&v[i]!=' '&&i<127;i++) c->type[i]=tolower(v[i]); if(strstr(c->type,"xml")||!strcmp(c->type,"text/html")) c->kind=CPS_CONTENT_XML; else if(!strcmp(c->type,"text/plain")) c->kind=CPS_CONTENT_TEXT; else if(strstr(c->type,"urlencoded")) c->kind=CPS_CONTENT_FORM;}
bool cps_content_type_is_usual(const char *t){return !strcmp(t,"text/xml")||!strcmp(t,"application/xml")||!strcmp(t,"text/plain")||!strcmp(t,"text/html")||!strcmp(t,"application/json")||strstr(t,"urlencoded");}
PyObject *cps_form_dict(CpsState *s,const char *t,size_t l){return PyDict_New();}
int cps_form_data(CpsState *s,const char *t,size_t l,const char *c,const char **n,PyObject **v){return 0;}
struct CpsHttpEnvironBase{CpsState *s;PyObject*d;};
CpsHttpEnvironBase *cps_http_environ_base_new(CpsState*s,PyObject*a,int port,bool tls){CpsHttpEnvironBase*b=calloc(1,sizeof*b);b->s=s;b->d=PyDict_New();return b;}
void cps_http_environ_base_free(CpsHttpEnvironBase*b){if(b){Py_XDECREF(b->d);free(b);}}
PyObject *cps_http_environ_path(const CpsHttpRequest*r){size_t l=r->path.length;const char*p=cps_slice(r,r->path);while(l>1&&p[l-1]=='/')l--;return PyUnicode_FromStringAndSize(p,l);}
PyObject *cps_http_environ(const CpsHttpEnvironBase*b,const CpsHttpRequest*r,const char*peer,int port,PyObject*path,PyObject*args){PyObject*d=PyDict_New();
PyDict_SetItemString(d,"PATH_INFO",path);PyDict_SetItemString(d,"REQUEST_METHOD",PyUnicode_FromStringAndSize(cps_slice(r,r->method),r->method.length));
for(uint32_t i=0;i<r->field_count;i++){char k[200]="HTTP_";size_t n=r->fields[i].name.length;if(n>150)n=150;for(size_t j=0;j<n;j++){char c=cps_slice(r,r->fields[i].name)[j];k[5+j]=c=='-'?'_':toupper(c);}k[5+n]=0;PyObject*v=PyUnicode_DecodeLatin1(cps_slice(r,r->fields[i].value),r->fields[i].value.length,0);PyDict_SetItemString(d,k,v);Py_DECREF(v);}
PyObject*v=PyUnicode_FromString(peer);PyDict_SetItemString(d,"REMOTE_ADDR",v);Py_DECREF(v);if(args)PyDict_SetItemString(d,"route.url_args",args);return d;}
PyObject *cps_http_environ_url(const CpsHttpEnvironBase*b,const CpsHttpRequest*r){return PyUnicode_FromStringAndSize(cps_slice(r,r->target),r->target.length);}
