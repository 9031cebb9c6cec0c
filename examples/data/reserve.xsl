<?xml version="1.0" encoding="UTF-8"?>
<!-- Makes of an order what the warehouse is asked for. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/order">
    <reservation order="{@number}">
      <xsl:for-each select="items/item">
        <take article="{@article}" quantity="{@quantity}"/>
      </xsl:for-each>
    </reservation>
  </xsl:template>

  <xsl:template match="/*" priority="-1">
    <xsl:message terminate="yes">An order was expected, not &lt;<xsl:value-of select="name()"/>&gt;</xsl:message>
  </xsl:template>
</xsl:stylesheet>
