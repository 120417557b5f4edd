"""The car over the data link in the plug: UDS (ISO 14229-1) over DoIP (ISO 13400-2)."""
