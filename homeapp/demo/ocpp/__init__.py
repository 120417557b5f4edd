"""What both ends of OCPP in the demo street share: schemas, frames, and how a time is written."""
