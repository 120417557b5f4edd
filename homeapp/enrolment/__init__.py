"""How the hub becomes known to a system operator, one flow at a time: certificates, their renewal, their revocation."""
