/* gil.h: the GIL, for those who hold it and may have to wait for a server. */
#ifndef CPS_XML_GIL_H
#define CPS_XML_GIL_H

#include "xml/confine.h"

extern const CpsLock cps_gil;

#endif
