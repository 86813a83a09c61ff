"""The five simulated vendors."""

from multiapi.simulator.vendors.aicredits import Aicredits
from multiapi.simulator.vendors.aimlapi import Aimlapi
from multiapi.simulator.vendors.bineric import Bineric
from multiapi.simulator.vendors.binobox import Binobox
from multiapi.simulator.vendors.binom_router import BinomRouter
from multiapi.simulator.vendors.vendor import Vendor

ALL: dict[str, type[Vendor]] = {vendor.name: vendor for vendor in (Bineric, BinomRouter, Aimlapi, Aicredits, Binobox)}

__all__ = ["ALL", "Vendor"]
