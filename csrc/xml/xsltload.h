/* xsltload.h: what libxslt reads: stylesheets that are included or imported, and document(). Plain C. */
#ifndef CPS_XML_XSLTLOAD_H
#define CPS_XML_XSLTLOAD_H

/* Have confined threads (xml/confine.h) read it in our way; once per process, with the GIL. */
void cps_xslt_load_setup(void);

#endif
