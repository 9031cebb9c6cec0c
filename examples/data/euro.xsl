<?xml version="1.0" encoding="UTF-8"?>
<!-- Adds to an invoice in a foreign currency what it is in euros. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output indent="yes"/>
  <xsl:strip-space elements="*"/>

  <xsl:template match="invoice">
    <xsl:variable name="currency" select="@currency"/>
    <xsl:variable name="rate" select="document('rates.xml')/rates/rate[@currency = $currency]"/>
    <xsl:if test="not($rate)">
      <xsl:message terminate="yes">no exchange rate for <xsl:value-of select="$currency"/></xsl:message>
    </xsl:if>

    <invoice>
      <xsl:copy-of select="@*|*"/>
      <euros rate="{$rate}"><xsl:value-of select="format-number(total div $rate, '0.00')"/></euros>
    </invoice>
  </xsl:template>
</xsl:stylesheet>
