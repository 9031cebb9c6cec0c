<?xml version="1.0" encoding="UTF-8"?>
<!-- Makes an invoice of an order. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
                xmlns:exsl="http://exslt.org/common" exclude-result-prefixes="exsl">
  <xsl:output indent="yes"/>
  <xsl:strip-space elements="*"/>

  <!-- Where the seller is, and the value added tax there, in percent. -->
  <xsl:param name="country" select="'DE'"/>
  <xsl:param name="vat" select="19"/>

  <xsl:template match="order">
    <xsl:variable name="lines">
      <xsl:apply-templates select="items/item"/>
    </xsl:variable>
    <xsl:variable name="net" select="sum(exsl:node-set($lines)/line/@amount) - sum(discount)"/>
    <xsl:variable name="percent" select="$vat * (customer/country = $country)"/>
    <xsl:variable name="tax" select="round($net * $percent) div 100"/>

    <invoice number="R-{@number}" date="{@date}" currency="{@currency}">
      <xsl:copy-of select="customer"/>
      <lines>
        <xsl:copy-of select="$lines"/>
      </lines>
      <xsl:copy-of select="discount"/>
      <net><xsl:value-of select="format-number($net, '0.00')"/></net>
      <vat percent="{$percent}"><xsl:value-of select="format-number($tax, '0.00')"/></vat>
      <total><xsl:value-of select="format-number($net + $tax, '0.00')"/></total>
    </invoice>
  </xsl:template>

  <xsl:template match="item">
    <line article="{@article}" quantity="{@quantity}" price="{price}"
          amount="{format-number(@quantity * price, '0.00')}">
      <xsl:value-of select="description"/>
    </line>
  </xsl:template>
</xsl:stylesheet>
