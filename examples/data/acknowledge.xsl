<?xml version="1.0" encoding="UTF-8"?>
<!-- Makes of what the warehouse did the answer for the customer. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/reservation">
    <acknowledgement order="{@order}" complete="{not(take/@missing)}">
      <xsl:for-each select="take">
        <article number="{@article}">
          <xsl:choose>
            <xsl:when test="@missing"><xsl:value-of select="concat(@missing, ' of ', @quantity, ' will follow')"/></xsl:when>
            <xsl:otherwise><xsl:value-of select="concat(@quantity, ' on their way')"/></xsl:otherwise>
          </xsl:choose>
        </article>
      </xsl:for-each>
    </acknowledgement>
  </xsl:template>
</xsl:stylesheet>
