#include "wire/tags.h"

const CpsTaggedClass cps_tagged_classes[CPS_TAGGED_CLASSES] = {
    {CPS_TAG_DATETIME, "datetime", "datetime", "isoformat", "fromisoformat", false},
    {CPS_TAG_DATE, "datetime", "date", "isoformat", "fromisoformat", false},
    {CPS_TAG_TIME, "datetime", "time", "isoformat", "fromisoformat", false},
    {CPS_TAG_DECIMAL, "decimal", "Decimal", "__str__", NULL, false},
    {CPS_TAG_UUID, "uuid", "UUID", "bytes", NULL, true},
};
