"""The EV-charging provider of the demo street: a CSMS for OCPP 1.6J (with the security whitepaper), 2.0.1 and 2.1."""
