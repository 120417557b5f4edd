"""The offer desk: one state machine for every request from outside."""
