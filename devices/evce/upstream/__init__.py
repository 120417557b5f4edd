"""The way of a station to its provider's CSMS: the hub as OCPP local controller (OCPP 2.1 part 4 chapter 6)."""
