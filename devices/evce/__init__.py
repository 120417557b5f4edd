"""Charging stations: the OCPP endpoint."""
