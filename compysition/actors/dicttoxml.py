"""Import path of DictToXML and PropertiesToXML."""

from compysition._core import DictToXML, PropertiesToXML

__all__ = ["DictToXML", "PropertiesToXML"]
