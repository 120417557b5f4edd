"""The screen: plain Qt, one process, everything it knows comes over the contract."""
